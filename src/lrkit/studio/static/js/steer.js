// The place of the steer page.
export function mount(root) {
  root.innerHTML = "<p class=empty>soon</p>";
  return {};
}
