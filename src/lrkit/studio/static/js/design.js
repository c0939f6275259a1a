// The place of the design page.
export function mount(root) {
  root.innerHTML = "<p class=empty>soon</p>";
  return {};
}
