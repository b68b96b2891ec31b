// Sets the colors before the first paint: as chosen here, else as the system has it.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => localStorage.getItem("theme") ?? "auto";

  const apply = () => {
    const dark = choice() === "dark" || (choice() === "auto" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === choice()));
    }
    document.dispatchEvent(new Event("console:theme"));
  };

  apply();
  system.addEventListener("change", apply);
  // Paper is white.
  addEventListener("beforeprint", () => (document.documentElement.dataset.bsTheme = "light"));
  addEventListener("afterprint", apply);
  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-theme-switch]")) box.hidden = false;
    apply();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme]");
    if (!button) return;
    localStorage.setItem("theme", button.dataset.theme);
    apply();
  });
})();
