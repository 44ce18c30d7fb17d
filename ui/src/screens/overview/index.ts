import { House } from "lucide-react";
import type { Screen } from "../screen";

export const overview: Screen = {
  path: "/",
  title: "overview:title",
  icon: House,
  shortcut: "go.overview",
  also: "home protection dashboard",
  docs: "overview",
  load: () => import("./Overview"),
};
