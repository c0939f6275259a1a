// Before anything is drawn: the theme that was chosen, so that nothing flashes.
try {
  const chosen = localStorage.getItem("lrkit-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be closed to us; the page then follows the system.
}
