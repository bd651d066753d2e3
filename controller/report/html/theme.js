// Light or dark: what the system prefers, until the reader chooses with a button. Nothing is stored.
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
}

function announce() {
  for (const button of document.querySelectorAll("[data-theme-button]")) {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  }
  document.dispatchEvent(new Event("themechange"));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-button]")) {
    root.dataset.theme = isDark() ? "light" : "dark";
    announce();
  }
});
dark.addEventListener("change", announce);
announce();
