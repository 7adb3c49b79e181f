let before;
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch("/v1/status");
    if (!answer.ok) return;
    const status = await answer.json();
    const now = performance.now();
    const rate = before && (status.requests - before.requests) / ((now - before.now) / 1000);
    before = { requests: status.requests, now };
    const requests = rate === undefined ? status.requests : `${status.requests} (${rate.toFixed(1)} a second)`;
    const values = { ...status, ...status.lists, lists: status.artifact.slice(0, 16), requests };
    for (const field of document.querySelectorAll("[data-field]")) {
      const value = values[field.dataset.field];
      if (value !== undefined) field.textContent = value;
    }
  } catch { /* The server is away; the numbers stay. */ }
}, 5000);
