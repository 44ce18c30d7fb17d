import { ChevronLeft } from "lucide-react";
import { Tabs } from "radix-ui";
import { type ReactNode, useEffect, useRef } from "react";
import { A, useAddress } from "@/shell/address";
import { cx } from "./classes";

interface HeadProps {
  title: string;
  /** Beside the title: a badge. */
  state?: ReactNode;
  lead?: ReactNode;
  back?: { to: string; title: string };
  children?: ReactNode;
}

/** A page's title, and its verbs at the right; on a phone below it where both do not fit. */
export function PageHead({ title, state, lead, back, children }: HeadProps) {
  useTitle(back ? `${title} · ${back.title}` : title);
  return (
    <header className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 pt-3.5 pb-3 sm:px-6">
      <div className="min-w-0 max-w-full flex-auto sm:flex-1 sm:basis-0">
        {back && (
          <A to={back.to} className="-ml-1 inline-flex items-center gap-0.5 text-muted text-xs hover:text-text">
            <ChevronLeft className="size-3.5" aria-hidden />
            {back.title}
          </A>
        )}
        <div className="flex min-w-0 items-center gap-2">
          <h1 className="truncate font-semibold text-lg tracking-tight">{title}</h1>
          {state}
        </div>
        {lead && <div className="flex flex-wrap gap-x-2 text-muted text-xs">{lead}</div>}
      </div>
      <div className="flex flex-wrap items-center gap-1.5 empty:hidden">{children}</div>
    </header>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Holdfast` : "Holdfast";
  }, [title]);
}

export interface Tab {
  id: string;
  title: string;
  body: ReactNode;
  /** Fills the page and scrolls by itself. */
  full?: boolean;
}

/** Tabs are part of the address; each has the filters of its own list only. */
export function PageTabs({ tabs, label }: { tabs: readonly Tab[]; label: string }) {
  const [search, set] = useAddress();
  const here = tabs.find(({ id }) => id === search.tab) ?? tabs[0];
  const list = useShown(here?.id);
  function go(id: string) {
    const { tab: _tab, project: _project, env: _env, ...own } = search;
    const cleared = Object.fromEntries(Object.keys(own).map((key) => [key, undefined]));
    set({ ...cleared, tab: id === tabs[0]?.id ? undefined : id }, true);
  }
  return (
    <Tabs.Root value={here?.id} onValueChange={go} className="flex min-h-0 flex-1 flex-col">
      <Tabs.List ref={list} aria-label={label} className="flex gap-4 overflow-x-auto border-b px-4 sm:px-6">
        {tabs.map(({ id, title }) => (
          <Tabs.Trigger
            key={id}
            value={id}
            className="inset-ring-focus -mb-px h-9 shrink-0 border-transparent border-b-2 font-medium text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:text-text"
          >
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {tabs.map(({ id, body, full }) => (
        <Tabs.Content
          key={id}
          value={id}
          tabIndex={-1}
          className={cx("min-h-0 flex-1 outline-none", full ? "overflow-hidden" : "overflow-y-auto")}
        >
          {/* The tab that is left stays mounted for a moment, and what comes to be shown in it then would be asked for. */}
          {id === here?.id && body}
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}

/**
 * The one of `all` the address names, else the first. A page whose tabs are not known yet shows this one alone:
 * another in its place would look chosen already, and a press on it would do nothing.
 */
export function useAskedTab<T extends { id: string }>(all: readonly [T, ...T[]]): T {
  const [search] = useAddress();
  return all.find(({ id }) => id === search.tab) ?? all[0];
}

/** Brings the current one of a row that scrolls sideways into its middle: what is before and behind it shows as well. */
export function useShown(current: string | undefined) {
  const row = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another current one is what moves it
  useEffect(() => {
    const here = row.current?.querySelector("[data-state=active], [aria-current=page]");
    here?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [current]);
  return row;
}

/** A part of a page under its own heading; parts are parted by space and a line, never by boxes. */
export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="border-b px-4 py-4 last:border-b-0 sm:px-6">
      <div className="mb-2 flex min-h-7 flex-wrap items-center justify-between gap-x-3 gap-y-2">
        <h2 className="font-semibold text-sm">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

interface FactsProps {
  /** "wide" has a row to itself: for what would be torn apart in a column. */
  facts: readonly (readonly [string, ReactNode, "wide"?])[];
  /** In a sheet: two columns, however wide the window is. */
  narrow?: boolean;
}

/** Facts in columns. */
export function Facts({ facts, narrow }: FactsProps) {
  return (
    <dl className={cx("grid grid-cols-2 gap-x-6 gap-y-3", !narrow && "sm:grid-cols-3 lg:grid-cols-4")}>
      {facts.map(([name, fact, width]) => (
        <div key={name} className={cx("min-w-0", width && "col-span-full")}>
          <dt className="text-muted text-xs">{name}</dt>
          <dd className="break-words">{fact}</dd>
        </div>
      ))}
    </dl>
  );
}
