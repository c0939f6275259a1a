// The place of the landscape page.
export function mount(root) {
  root.innerHTML = "<p class=empty>soon</p>";
  return {};
}
