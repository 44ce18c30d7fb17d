import type { QueryKey } from "@tanstack/react-query";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

export type Value = string | number | boolean | null | undefined;

export interface Column<R> {
  id: string;
  title: string;
  /** What is sorted by, searched and exported; moments as ISO text. */
  value: (row: R) => Value;
  cell?: (row: R) => ReactNode;
  /** A grid track: `minmax(160px, 2fr)`, `96px`. */
  width?: string;
  numeric?: boolean;
  /** Not shown until it is chosen. */
  spare?: boolean;
  /** Its place on a phone's card: the first line, that line's end, or the line below. Else it is not on it. */
  card?: "title" | "side" | "line";
  /** In place of `cell` on a card, where no head says what it is. */
  onCard?: (row: R) => ReactNode;
}

export interface Filter {
  id: string;
  title: string;
  icon?: LucideIcon;
  options: readonly { value: string; label: string }[];
  /** Several at once; the server takes the parameter repeated. */
  many?: boolean;
}

export interface Ask {
  cursor?: string;
  limit: number;
  q: string;
  filters: Readonly<Record<string, readonly string[]>>;
  /** Columns, `-` before those that run downwards; only for a source that sorts. */
  sort: readonly string[];
  signal: AbortSignal;
}

export interface Page<R> {
  items: R[];
  next_cursor?: string | null;
}

export interface Source<R> {
  /** Begins with the noun signals name (`shell/live.ts`). */
  key: QueryKey;
  page: (ask: Ask) => Promise<Page<R>>;
  /** The server sorts by any column; else every row is fetched before they are sorted here. */
  sorts?: boolean;
  /** Not known yet what to ask for: the rows are waited for. */
  waits?: boolean;
  /** What came since the rows were read, newest first: it stands before them, each row once. */
  newest?: readonly R[];
}

export interface BulkAct<R> {
  id: string;
  title: string;
  icon?: ReactNode;
  danger?: boolean;
  run: (rows: R[], clear: () => void) => void;
}

/** What a list shows, under a name: the parameters of its address. */
export interface View {
  name: string;
  search: Record<string, string>;
}
