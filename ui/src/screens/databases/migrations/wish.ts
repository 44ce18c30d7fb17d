import type { StandingOut } from "@/api";

export type Act = "apply" | "rehearse" | "rollback" | "baseline";

export interface Wish {
  /** A number as the list says it; "" is everything, and of a way back the last one. */
  to?: string | number | null;
  steps?: number | null;
  snapshot?: boolean;
  confirm?: string | null;
  lock_seconds?: number;
  out_of_order?: boolean;
  on_clone?: boolean;
}

/** Where an act may stop: forward at what is pending, back at what is applied and below the last one. */
export function choices(act: Act, standings: readonly StandingOut[]): readonly StandingOut[] {
  const applied = standings.filter(({ state }) => state === "applied" || state === "changed");
  if (act === "rollback") return applied.slice(0, -1).reverse();
  return standings.filter(({ state }) => state === "pending" || state === "partial");
}

export interface Said extends Omit<Wish, "to"> {
  to: number | null;
}

/** As the API takes it. A way back names steps or a number, never both and never neither. */
export function withoutEmpty(act: Act, wish: Wish, named: boolean): Said {
  const to = wish.to === "" || wish.to === null || wish.to === undefined ? null : Number(wish.to);
  return {
    ...wish,
    to,
    steps: act === "rollback" && to === null ? 1 : null,
    confirm: named ? (wish.confirm ?? "") : null,
  };
}
