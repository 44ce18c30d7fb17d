import { type Line, Live, touched } from "./live";
import { queries } from "./query";
import { reach } from "./reach";

const PATIENCE_MS = 10_000;

function dial(): Line {
  const url = new URL("/api/v1/live", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(url) as Line;
}

function onChanged(nouns: readonly string[] | null): void {
  if (!nouns) {
    void queries.invalidateQueries();
    return;
  }
  const keys = touched(nouns);
  void queries.invalidateQueries({ predicate: (query) => keys.has(String(query.queryKey[0])) });
}

export const live = new Live(dial, onChanged);

live.state.follow(() => {
  if (live.state.get() === "live") reach.answered();
});
// After every line that could not be had, not the first alone: a server that goes down still answers for a moment.
live.losses.follow(() => {
  fetch("/health/live", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }).then(
    () => reach.answered(),
    () => live.state.get() === "broken" && reach.silent(),
  );
});
window.addEventListener("online", () => live.hurry());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.hurry());
