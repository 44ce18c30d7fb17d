import { type ComponentType, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Panel } from "@/parts/ErrorPanel";
import { useShown } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { useAddress } from "@/shell/address";
import type { TabProps } from "./tabs";

/** A part of a tab: `?part=<id>`. Only the one that is seen asks the server anything. */
export interface Part<P = TabProps> {
  id: string;
  title: string;
  /** Fills the tab and scrolls by itself. */
  full?: boolean;
  Body: ComponentType<P>;
}

interface Props<P> {
  label: string;
  parts: readonly Part<P>[];
  /** What every part is given. */
  given: P;
}

/** A tab that would be too long as one: its parts at the left, on a phone above. */
export function Divided<P extends object>({ label, parts, given }: Props<P>) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const here = parts.find(({ id }) => id === search.part) ?? parts[0];
  const go = (id: string) => {
    const { tab: _tab, project: _project, env: _env, ...own } = search;
    const cleared = Object.fromEntries(Object.keys(own).map((key) => [key, undefined]));
    set({ ...cleared, part: id === parts[0]?.id ? undefined : id }, true);
  };
  const row = useShown(here?.id);
  if (!here) return null;
  const { Body } = here;
  return (
    <div className="flex h-full min-h-0 flex-col sm:flex-row">
      <nav
        ref={row}
        aria-label={label}
        className="flex shrink-0 gap-1 overflow-x-auto border-b px-3 py-2 sm:w-44 sm:flex-col sm:gap-0.5 sm:overflow-y-auto sm:border-r sm:border-b-0 sm:px-3 sm:py-3"
      >
        {parts.map(({ id, title }) => (
          <button
            key={id}
            type="button"
            aria-current={id === here.id ? "page" : undefined}
            onClick={() => go(id)}
            className={cx(
              "h-8 shrink-0 rounded-md px-2.5 text-left pointer-coarse:h-10",
              id === here.id
                ? "bg-accent-soft font-medium text-accent-text"
                : "text-muted hover:bg-hover hover:text-text",
            )}
          >
            {t(title)}
          </button>
        ))}
      </nav>
      <div className={cx("min-h-0 min-w-0 flex-1", here.full ? "overflow-hidden" : "overflow-y-auto")}>
        <Panel key={here.id}>
          <Suspense fallback={<Skeleton className="m-6 h-24" />}>
            <Body {...given} />
          </Suspense>
        </Panel>
      </div>
    </div>
  );
}
