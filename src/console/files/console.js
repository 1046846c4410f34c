// The one thing that a page cannot do without a script: show new rows of the audit as they come.
"use strict";
(() => {
  const place = document.querySelector("[data-follow]");
  const body = document.querySelector("main table tbody");
  if (!place || !body) return;
  const most = 500;
  let after = place.dataset.after;
  let stopped = false;
  const button = document.createElement("button");
  button.type = "button";
  const text = document.createElement("span");
  place.append(button, " ", text);
  const show = () => {
    button.textContent = stopped ? "Follow" : "Stop following";
    text.textContent = stopped ? "New rows are not shown." : "New rows are shown as they come.";
  };
  button.addEventListener("click", () => {
    stopped = !stopped;
    show();
    if (!stopped) follow();
  });
  const rest = (ms) => new Promise((done) => setTimeout(done, ms));
  let running = false;
  async function follow() {
    if (running) return;
    running = true;
    while (!stopped) {
      const to = place.dataset.follow;
      const at = to + (to.includes("?") ? "&" : "?") + "after=" + after;
      try {
        const answer = await fetch(at, { redirect: "error" });
        if (answer.status === 200) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const fresh = page.querySelector("tbody");
          after = fresh.dataset.reached;
          for (const row of [...fresh.rows].reverse()) {
            if (stopped) break;
            row.classList.add("fresh");
            body.prepend(document.adoptNode(row));
          }
          while (body.rows.length > most) body.lastElementChild.remove();
        } else if (answer.status !== 204) {
          await rest(5000);
        }
      } catch {
        text.textContent = "The gateway does not answer, or you are logged out. Trying again.";
        await rest(5000);
        if (!stopped) show();
      }
    }
    running = false;
  }
  show();
  follow();
})();
