import { Store } from "./store";

export interface Toast {
  id: number;
  tone: "good" | "bad" | "plain";
  title: string;
  more?: string;
  action?: { label: string; run: () => void };
}

const LONG_MS = 8000;
const SHORT_MS = 4500;
const AT_ONCE = 4;
let last = 0;

export const toasts = new Store<readonly Toast[]>([]);

function show(toast: Omit<Toast, "id">): number {
  last += 1;
  const id = last;
  toasts.set([...toasts.get(), { id, ...toast }].slice(-AT_ONCE));
  const long = toast.tone === "bad" || toast.action;
  setTimeout(() => dismiss(id), long ? LONG_MS : SHORT_MS);
  return id;
}

export function dismiss(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

export const toast = {
  good: (title: string, more?: string) => show({ tone: "good", title, more }),
  bad: (title: string, more?: string) => show({ tone: "bad", title, more }),
  /** What was done can be taken back for as long as this is seen. */
  undo: (title: string, label: string, run: () => void) => show({ tone: "plain", title, action: { label, run } }),
};
