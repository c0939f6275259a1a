// The place of the runs page.
export function mount(root) {
  root.innerHTML = "<p class=empty>soon</p>";
  return {};
}
