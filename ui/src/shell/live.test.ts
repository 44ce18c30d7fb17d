import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Line, Live, touched } from "./live";

class FakeLine implements Line {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: string[] = [];
  isClosed = false;
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.isClosed = true;
  }
  say(message: unknown) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
}

function begin() {
  const lines: FakeLine[] = [];
  const changed = vi.fn();
  const live = new Live(
    () => {
      const line = new FakeLine();
      lines.push(line);
      return line;
    },
    changed,
    () => 1,
  );
  live.start();
  const last = () => lines.at(-1) as FakeLine;
  return { live, lines, changed, last };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what changes together is told once", () => {
  const { changed, last } = begin();
  last().say({ type: "hello", seq: 1 });
  last().say({ type: "changed", nouns: ["run"] });
  last().say({ type: "changed", nouns: ["run", "snapshot"] });
  expect(changed).not.toHaveBeenCalled();
  vi.advanceTimersByTime(300);
  expect(changed.mock.calls).toEqual([[["run", "snapshot"]]]);
  last().say({ type: "changed", nouns: ["plan"] });
  vi.advanceTimersByTime(300);
  expect(changed).toHaveBeenLastCalledWith(["plan"]);
});

test("who listens hears nouns and new lines, until it ends", () => {
  const { live, last } = begin();
  const ear = vi.fn();
  const deaf = live.listen(ear);
  last().say({ type: "hello", seq: 1 });
  last().say({ type: "changed", nouns: ["worker-log"] });
  vi.advanceTimersByTime(300);
  last().onclose?.();
  vi.advanceTimersByTime(500);
  last().say({ type: "hello", seq: 2 });
  expect(ear.mock.calls).toEqual([[["worker-log"]], [null]]);
  deaf();
  last().say({ type: "changed", nouns: ["worker-log"] });
  vi.advanceTimersByTime(300);
  expect(ear).toHaveBeenCalledTimes(2);
});

test("a line that comes back has everything read again, the first one nothing", () => {
  const { live, lines, changed, last } = begin();
  last().say({ type: "hello", seq: 1 });
  expect(changed).not.toHaveBeenCalled();
  last().onclose?.();
  expect(live.state.get()).toBe("broken");
  vi.advanceTimersByTime(500);
  expect(lines).toHaveLength(2);
  last().say({ type: "hello", seq: 9 });
  expect(live.state.get()).toBe("live");
  expect(changed.mock.calls).toEqual([[null]]);
});

test("waits double up to half a minute, and begin anew after a hello", () => {
  const { lines, last } = begin();
  const waits: number[] = [];
  for (let at = 0; at < 8; at++) {
    const before = lines.length;
    last().onclose?.();
    let waited = 0;
    while (lines.length === before) {
      vi.advanceTimersByTime(250);
      waited += 250;
    }
    waits.push(waited);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  last().say({ type: "hello", seq: 1 });
  last().onclose?.();
  vi.advanceTimersByTime(500);
  expect(lines).toHaveLength(10);
});

test("a line of before that is heard late changes nothing", () => {
  const { lines, changed, last } = begin();
  const first = last();
  first.onclose?.();
  vi.advanceTimersByTime(500);
  last().say({ type: "hello", seq: 1 });
  changed.mockClear();
  first.say({ type: "changed", nouns: ["run"] });
  first.onclose?.();
  vi.advanceTimersByTime(60_000);
  expect(changed).not.toHaveBeenCalled();
  expect(lines).toHaveLength(2);
});

test("the page looked at is said on every line; others' pages are not shown", () => {
  const { live, last } = begin();
  live.look("/databases/db_1");
  expect(last().sent).toEqual([]);
  last().say({ type: "hello", seq: 1 });
  expect(last().sent).toEqual([JSON.stringify({ type: "look", page: "/databases/db_1" })]);
  last().say({ type: "people", page: "/other", people: [{ id: "u", display: "U" }] });
  expect(live.people.get()).toEqual([]);
  last().say({ type: "people", page: "/databases/db_1", people: [{ id: "u", display: "U" }] });
  expect(live.people.get()).toHaveLength(1);
  live.look("/");
  expect(live.people.get()).toEqual([]);
});

test("every line that is lost is news, also while the state stays broken", () => {
  const { live, last } = begin();
  const told = vi.fn();
  live.losses.follow(told);
  last().onclose?.();
  vi.advanceTimersByTime(500);
  last().onclose?.();
  expect(live.state.get()).toBe("broken");
  expect(told).toHaveBeenCalledTimes(2);
});

test("nonsense is left alone, and the end is the end", () => {
  const { live, lines, changed, last } = begin();
  for (const text of ["", "{", "null", "[]", '"x"', '{"type":5}']) last().say(text);
  live.stop();
  expect(last().isClosed).toBe(true);
  last().onclose?.();
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(1);
  expect(changed).not.toHaveBeenCalled();
});

test("nouns of the log become what the lists are read by", () => {
  // A plan's turns and a repository's checks are runs; the feed of the log must not follow every step of one.
  const lists = ["drills", "exports", "imports", "moves", "plans", "repositories", "restores", "runs", "snapshots"];
  expect([...touched(["run"])].sort()).toEqual(lists);
  expect(touched(["snapshot"])).toContain("overview");
  expect(touched(["snapshot"])).toContain("activity");
  expect(touched(["widget"])).toContain("widgets");
  expect([...touched(["worker-log"])]).toEqual([]);
});
