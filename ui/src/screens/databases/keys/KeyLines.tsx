import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Badge } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import type { KeyOut } from "./client";
import { leftOf } from "./elements";
import type { Line } from "./names";

const LINE_PX = 48;
const FOLDER_PX = 32;

interface Props {
  lines: readonly Line<KeyOut>[];
  chosen: string | null;
  onChoose: (key: KeyOut) => void;
  onToggle: (folder: string) => void;
  icons: { folder: ReactNode; shut: ReactNode };
}

/** Keys and their folders by mouse and arrows: right opens a folder, left shuts it, Enter shows a key. */
export function KeyLines({ lines, chosen, onChoose, onToggle, icons }: Props) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(-1);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: (at) => (lines[at]?.key ? LINE_PX : FOLDER_PX),
    getItemKey: (at) => lines[at]?.id ?? at,
    overscan: 10,
  });
  const folderOf = (line: Line<KeyOut>) => line.id.slice(0, -1);
  function take(line: Line<KeyOut> | undefined) {
    if (line?.key) onChoose(line.key);
    else if (line) onToggle(folderOf(line));
  }
  function onKeyDown(event: KeyboardEvent) {
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: lines.length - 1 }[event.key];
    const line = lines[active];
    if (to !== undefined) {
      const at = Math.max(0, Math.min(lines.length - 1, to));
      setActive(at);
      virtual.scrollToIndex(at);
    } else if (event.key === "Enter" || event.key === " ") take(line);
    else if (event.key === "ArrowRight" && line && !line.key && !line.isOpen) onToggle(folderOf(line));
    else if (event.key === "ArrowLeft" && line && !line.key && line.isOpen) onToggle(folderOf(line));
    else return;
    event.preventDefault();
  }
  return (
    <div
      ref={scroller}
      role="tree"
      aria-label={t("keys:title")}
      aria-activedescendant={active >= 0 ? `key-${active}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      className="group/keys inset-ring-focus h-full overflow-auto"
    >
      <div role="presentation" className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, size }) => {
          const line = lines[index];
          if (!line) return null;
          const { key } = line;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the tree hears the keys
            <div
              key={line.id}
              id={`key-${index}`}
              role="treeitem"
              tabIndex={-1}
              aria-level={line.depth + 1}
              aria-selected={key !== null && line.id === chosen}
              aria-expanded={key ? undefined : line.isOpen}
              onClick={() => {
                setActive(index);
                take(line);
              }}
              className={cx(
                "absolute inset-x-0 top-0 flex cursor-default items-center gap-2 border-b pr-3",
                line.id === chosen ? "bg-accent-soft" : "hover:bg-hover",
                index === active &&
                  "outline-accent group-focus-visible/keys:outline-2 group-focus-visible/keys:-outline-offset-2",
              )}
              style={{ height: size, transform: `translateY(${start}px)`, paddingLeft: 12 + line.depth * 16 }}
            >
              {key ? (
                <OneKey line={line} of={key} />
              ) : (
                <>
                  <span
                    aria-hidden
                    className={cx("text-faint transition-transform [&_svg]:size-3.5", line.isOpen && "rotate-90")}
                  >
                    {icons.shut}
                  </span>
                  <span aria-hidden className="text-accent-text [&_svg]:size-3.5">
                    {icons.folder}
                  </span>
                  <span className="min-w-0 flex-1 truncate font-mono text-xs">{line.label}</span>
                  <span className="text-muted text-xs">{count(line.count)}</span>
                </>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function OneKey({ line, of }: { line: Line<KeyOut>; of: KeyOut }) {
  const { t } = useTranslation();
  const left = of.expires_at ? leftOf(of.expires_at) : null;
  const said = [
    of.size !== null && of.type !== "string" && t("keys:elements", { count: of.size, elements: count(of.size) }),
    bytes((of.type === "string" ? of.size : of.memory) ?? 0),
    left && t("keys:left", { left: t(`keys:units.${left.unit}`, { count: left.count }) }),
  ].filter(Boolean);
  return (
    <span className="grid min-w-0 flex-1 gap-px">
      <span className="flex items-center gap-2">
        <span className="min-w-0 flex-1 truncate font-mono text-xs">{line.label}</span>
        <Badge>{of.type}</Badge>
      </span>
      <span className="truncate text-muted text-xs">{said.join(" · ")}</span>
    </span>
  );
}
