// Shows the progress the page came with, and then what the server says, without a reload.
const EVERY_MS = 4000;
const byId = (id) => document.getElementById(id);
const share = (part, whole) => (whole > 0 ? (100 * part) / whole : 0);

function show(progress) {
  byId("earned").textContent = progress.earned;
  byId("possible").textContent = progress.possible;
  byId("overall").setAttribute("aria-label", `${progress.earned} of ${progress.possible} points`);
  const part = share(progress.earned, progress.possible);
  const ring = byId("ring");
  ring.style.strokeDasharray = `${part} 100`;
  ring.style.visibility = part > 0 ? "visible" : "hidden"; // a round cap would show as a dot

  for (const card of document.querySelectorAll("[data-topic]")) {
    const topic = progress.topics[card.dataset.topic];
    if (!topic) continue;
    card.dataset.state = topic.state;
    card.querySelector(".state").textContent = topic.state;
    card.querySelector(".earned").textContent = topic.earned;
    card.querySelector(".possible").textContent = topic.possible;
    card.querySelector(".fill").style.width = `${share(topic.earned, topic.possible)}%`;
    const bar = card.querySelector(".bar");
    bar.setAttribute("aria-valuenow", topic.earned);
    bar.setAttribute("aria-valuemax", topic.possible);
  }

  const next = byId("next");
  next.hidden = !progress.next;
  if (progress.next) {
    next.href = next.dataset.lab + progress.next.href;
    byId("next-verb").textContent = progress.next.started ? "Continue" : "Start";
    byId("next-title").textContent = progress.next.title;
  }
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch("onsite/progress", { cache: "no-store" });
    if (!answer.ok) return;
    const progress = await answer.json();
    show(progress);
    const warning = byId("warning");
    warning.hidden = !progress.warning;
    if (warning.textContent !== progress.warning) warning.textContent = progress.warning;
  } catch {
    // The server is gone or busy; the next round tries again.
  }
}

show(start);
window.addEventListener("focus", refresh);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY_MS);
