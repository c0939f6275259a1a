// The place of the find page.
export function mount(root) {
  root.innerHTML = "<p class=empty>soon</p>";
  return {};
}
