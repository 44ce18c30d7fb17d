import { FileCode2 } from "lucide-react";
import type { Screen } from "../../screen";

export const code: Screen = {
  path: "/code",
  title: "code:title",
  icon: FileCode2,
  permission: ["worker.read"],
  docs: "worker-editor",
  load: () => import("./CodeList"),
};

export const codeOf: Screen = {
  path: "/code/$id",
  title: "code:one",
  permission: ["worker.read"],
  docs: "worker-editor",
  load: () => import("./CodePage"),
};
