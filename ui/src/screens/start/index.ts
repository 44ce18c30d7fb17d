import type { Screen } from "../screen";

export const start: Screen = {
  path: "/start",
  title: "start:title",
  permission: ["database.create"],
  docs: "first-use",
  load: () => import("./StartPage"),
};
