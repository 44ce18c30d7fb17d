import type { Shown } from ".";

export async function own(): Promise<Shown[]> {
  return [
    { name: "settings", path: "/settings/appearance" },
    { name: "settings-sessions", path: "/settings/sessions" },
  ];
}
