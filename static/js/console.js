// Menus, the sidebar of narrow screens, and texts to copy. Every page works without it.

// One menu is open at a time; a click elsewhere or Escape closes it.
const openMenus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  closeSidebar();
});

const toggle = document.querySelector("[data-sidebar-toggle]");
const showSidebar = (shown) => {
  document.body.classList.toggle("sidebar-shown", shown);
  toggle?.setAttribute("aria-expanded", String(shown));
};
const closeSidebar = () => showSidebar(false);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-sidebar-toggle]")) {
    showSidebar(!document.body.classList.contains("sidebar-shown"));
  } else if (!event.target.closest(".sidebar")) {
    closeSidebar();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => (label.textContent = before), 2000);
});

for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});

// A form that switches a part of the page does so as soon as something is chosen.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submit-on-change]");
  if (form && event.target.matches("select, [type=radio], [type=checkbox], [type=date]")) {
    form.requestSubmit();
  }
});

// A link with data-drawer shows its page's part in the drawer; with a key held down, or where that
// part cannot be had, it leads to the page as any other.
const openDrawer = async (link, drawer) => {
  const headers = { "HX-Request": "true", "HX-Target": "drawer" };
  const answer = await fetch(link.href, { headers, cache: "no-store" });
  if (!answer.ok || answer.redirected) return location.assign(link.href);
  const body = drawer.querySelector("#drawer-body");
  body.innerHTML = await answer.text();
  htmx.process(body);
  drawer.showModal();
  body.querySelector("#drawer-title").focus();
};
document.addEventListener("click", (event) => {
  const drawer = document.querySelector("#drawer");
  // Beside the panel: what is clicked there is the dialog's, as its own padding is.
  if (drawer?.open && event.clientX < drawer.getBoundingClientRect().left) drawer.close();
  const link = event.target.closest("a[data-drawer]");
  if (!link || !drawer || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openDrawer(link, drawer).catch(() => location.assign(link.href));
});
