import { recall, remember, Store } from "./store";

export interface Appearance {
  theme: "system" | "light" | "dark" | "time";
  contrast: "normal" | "high";
  vision: "usual" | "safe";
  density: "comfortable" | "compact";
}

export const appearance = new Store<Appearance>({
  theme: "system",
  contrast: "normal",
  vision: "usual",
  density: "comfortable",
  ...recall<Partial<Appearance>>("appearance", {}),
});

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const more = window.matchMedia("(prefers-contrast: more)");

/** Night is 19:00 to 07:00 of this computer's clock. */
export function themeAt(theme: Appearance["theme"], systemIsDark: boolean, hour: number): "light" | "dark" {
  if (theme === "system") return systemIsDark ? "dark" : "light";
  if (theme === "time") return hour >= 19 || hour < 7 ? "dark" : "light";
  return theme;
}

function apply(): void {
  const { theme, contrast, vision } = appearance.get();
  const root = document.documentElement;
  root.dataset.theme = themeAt(theme, dark.matches, new Date().getHours());
  root.dataset.contrast = more.matches ? "high" : contrast;
  root.dataset.vision = vision;
}

export function change(patch: Partial<Appearance>): void {
  appearance.set({ ...appearance.get(), ...patch });
  remember("appearance", appearance.get());
}

export function startAppearance(): void {
  apply();
  appearance.follow(apply);
  dark.addEventListener("change", apply);
  more.addEventListener("change", apply);
  setInterval(apply, 60_000);
}
