import { House } from "lucide-react";
import type { Screen } from "../screen";

export const overview: Screen = {
  path: "/",
  title: "overview:title",
  icon: House,
  shortcut: "go.overview",
  docs: "how-to/back-up-and-restore/",
  also: "home protection dashboard",
  load: () => import("./Overview"),
};
