import type { RoleOut } from "@/api";

/** What was ticked and is not saved, by role: only what differs from the role as the server has it. */
export type Draft = ReadonlyMap<string, ReadonlySet<string>>;

export function holds(role: RoleOut, permission: string, draft: Draft): boolean {
  const flipped = draft.get(role.id)?.has(permission) ?? false;
  return role.permissions.includes(permission) !== flipped;
}

/** A tick and its opposite are no change. */
export function flip(draft: Draft, role: string, permission: string): Draft {
  const own = new Set(draft.get(role));
  if (!own.delete(permission)) own.add(permission);
  const next = new Map(draft);
  if (own.size > 0) next.set(role, own);
  else next.delete(role);
  return next;
}

export function changes(draft: Draft): number {
  return [...draft.values()].reduce((sum, own) => sum + own.size, 0);
}

/** All the role is to hold, sorted as the server keeps it. */
export function wanted(role: RoleOut, draft: Draft): string[] {
  const own = draft.get(role.id) ?? new Set<string>();
  const kept = role.permissions.filter((name) => !own.has(name));
  const added = [...own].filter((name) => !role.permissions.includes(name));
  return [...kept, ...added].sort();
}

/** Where an arrow key leads among so many rows and columns; null for other keys. */
export function moved(
  key: string,
  [row, column]: readonly [number, number],
  rows: number,
  columns: number,
): readonly [number, number] | null {
  const clamp = (value: number, most: number) => Math.max(0, Math.min(most - 1, value));
  const steps: Record<string, readonly [number, number]> = {
    ArrowDown: [row + 1, column],
    ArrowUp: [row - 1, column],
    ArrowRight: [row, column + 1],
    ArrowLeft: [row, column - 1],
    PageDown: [row + 10, column],
    PageUp: [row - 10, column],
    Home: [0, column],
    End: [rows - 1, column],
  };
  const step = steps[key];
  return step ? [clamp(step[0], rows), clamp(step[1], columns)] : null;
}
