// Loads the page again as soon as the servers answer, and not before: nobody is interrupted.

const line = document.querySelector("[data-retry]");

async function look() {
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    const works = await answer.json();
    if (works.database && works.redis) {
      location.replace(location.href);
      return;
    }
  } catch {
    // The web server itself is away: it may come back as well.
  }
  setTimeout(look, line.dataset.retry * 1000);
}

if (line) setTimeout(look, line.dataset.retry * 1000);
