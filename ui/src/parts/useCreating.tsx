import { Plus } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { useOffer } from "@/shell/paletteActs";
import type { ShortcutId } from "@/shell/shortcuts";
import { useShortcut } from "@/shell/useShortcut";
import { Button } from "./Button";
import { Tip } from "./small";

const KEY: ShortcutId = "list.new";

/** What a list offers to make one more: by its button, by the shortcut and in the palette; nothing where `allowed` is not. */
export function useCreating(id: string, title: string, allowed: boolean) {
  const [creating, setCreating] = useState(false);
  const begin = () => setCreating(true);
  useShortcut(KEY, begin, allowed);
  useOffer(
    useMemo(
      () => (allowed ? [{ id, title, icon: <Plus />, shortcut: KEY, run: () => setCreating(true) }] : []),
      [allowed, id, title],
    ),
  );
  const add: ReactNode = allowed && (
    <Tip text={title} id={KEY}>
      <Button look="primary" icon={<Plus />} onClick={begin}>
        {title}
      </Button>
    </Tip>
  );
  return { creating, end: () => setCreating(false), add };
}
