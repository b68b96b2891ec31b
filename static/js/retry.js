// Loads the page again as soon as the servers answer, and not before: nobody is interrupted.

const line = document.querySelector("[data-retry]");

async function look() {
  try {
    const health = await fetch("/healthz", { cache: "no-store" });
    const works = Object.values(await health.json());
    if (health.ok && works.every(Boolean)) {
      location.replace(location.href);
      return;
    }
  } catch {
    // The web server itself is away: it may come back as well.
  }
  setTimeout(look, line.dataset.retry * 1000);
}

if (line) setTimeout(look, line.dataset.retry * 1000);
