import { afterEach, describe, expect, test, vi } from "vitest";
import { SHORTCUTS, Shortcuts, shown, stepOf } from "./shortcuts";

function press(key: string, more: KeyboardEventInit = {}, target: EventTarget = document.body): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  Object.defineProperty(event, "target", { value: target });
  return event;
}

afterEach(() => document.body.replaceChildren());

describe("the registry", () => {
  test("no two shortcuts share keys, and none is the beginning of another", () => {
    const keys = SHORTCUTS.map((each) => each.keys);
    expect(new Set(keys).size).toBe(keys.length);
    for (const one of keys) expect(keys.filter((other) => other.startsWith(`${one} `))).toEqual([]);
  });

  test("a key press is written as the list writes it", () => {
    expect(stepOf(press("K", { ctrlKey: true }), false)).toBe("mod+k");
    expect(stepOf(press("k", { metaKey: true }), true)).toBe("mod+k");
    expect(stepOf(press("F", { shiftKey: true }), false)).toBe("shift+f");
    expect(stepOf(press("?", { shiftKey: true }), false)).toBe("?");
    expect(stepOf(press(" "), false)).toBe("space");
  });

  test("people see their own keyboard's names", () => {
    expect(shown("mod+k", true)).toEqual([["⌘", "K"]]);
    expect(shown("g d", false)).toEqual([["G"], ["D"]]);
  });
});

describe("pressing", () => {
  test("what is typed into an editor that is a text field by its role is not a shortcut", () => {
    const shortcuts = new Shortcuts();
    const run = vi.fn();
    shortcuts.bind("switch.project", run);
    const editor = document.createElement("div");
    editor.setAttribute("role", "textbox");
    expect(shortcuts.handle(press("p", {}, editor))).toBe(false);
    expect(run).not.toHaveBeenCalled();
    expect(shortcuts.handle(press("p"))).toBe(true);
  });

  test("a chord goes where it says, and only within its time", () => {
    let now = 0;
    const shortcuts = new Shortcuts(() => now);
    const run = vi.fn();
    shortcuts.bind("go.databases", run);
    expect(shortcuts.handle(press("g"))).toBe(true);
    now += 300;
    expect(shortcuts.handle(press("d"))).toBe(true);
    expect(run).toHaveBeenCalledTimes(1);
    shortcuts.handle(press("g"));
    now += 5000;
    expect(shortcuts.handle(press("d"))).toBe(false);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test("a chord that leads nowhere does not swallow the key after it", () => {
    const shortcuts = new Shortcuts(() => 0);
    const help = vi.fn();
    shortcuts.bind("go.databases", vi.fn());
    shortcuts.bind("help", help);
    shortcuts.handle(press("g"));
    expect(shortcuts.handle(press("?"))).toBe(true);
    expect(help).toHaveBeenCalled();
  });

  test("typing is typing, but for those heard everywhere", () => {
    const shortcuts = new Shortcuts(() => 0);
    const [help, palette] = [vi.fn(), vi.fn()];
    shortcuts.bind("help", help);
    shortcuts.bind("palette", palette);
    const field = document.body.appendChild(document.createElement("input"));
    const mac = /Mac/.test(navigator.userAgent);
    expect(shortcuts.handle(press("?", {}, field))).toBe(false);
    expect(shortcuts.handle(press("k", mac ? { metaKey: true } : { ctrlKey: true }, field))).toBe(true);
    expect(help).not.toHaveBeenCalled();
    expect(palette).toHaveBeenCalled();
  });

  test("the one bound last is asked, and the one before it when that has gone", () => {
    const shortcuts = new Shortcuts(() => 0);
    const [page, dialog] = [vi.fn(), vi.fn()];
    shortcuts.bind("help", page);
    const leave = shortcuts.bind("help", dialog);
    shortcuts.handle(press("?"));
    leave();
    shortcuts.handle(press("?"));
    expect([dialog.mock.calls.length, page.mock.calls.length]).toEqual([1, 1]);
  });

  test("what nobody bound stays the browser's", () => {
    const event = press("g");
    expect(new Shortcuts(() => 0).handle(event)).toBe(false);
    expect(event.defaultPrevented).toBe(false);
  });
});
