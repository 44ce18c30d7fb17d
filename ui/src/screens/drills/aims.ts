import type { AimsIn, AimsOut, QuestionIn } from "@/api";

export const BOUNDS = ["equals", "at_least", "at_most"] as const;
export type Bound = (typeof BOUNDS)[number];

/** A question as it is edited; `key` tells rows apart while names are typed. */
export interface Question {
  key: string;
  name: string;
  statement: string;
  bound: Bound;
  value: string;
}

export interface Draft {
  rtoMinutes: string;
  rpoHours: string;
  questions: readonly Question[];
}

export function draftOf(aims: AimsOut): Draft {
  const part = (seconds: number | null, of: number) => (seconds === null ? "" : String(seconds / of));
  return {
    rtoMinutes: part(aims.rto_seconds, 60),
    rpoHours: part(aims.rpo_seconds, 3600),
    questions: aims.checks.map((check, at) => {
      const bound = BOUNDS.find((each) => check[each] !== undefined && check[each] !== null) ?? "equals";
      return {
        key: `kept-${at}`,
        name: String(check.name ?? ""),
        statement: String(check.statement ?? ""),
        bound,
        value: String(check[bound] ?? ""),
      };
    }),
  };
}

export function bodyOf(draft: Draft): AimsIn {
  const seconds = (text: string, of: number) => {
    const value = Math.round(Number(text) * of);
    return text.trim() && value > 0 ? value : null;
  };
  return {
    rto_seconds: seconds(draft.rtoMinutes, 60),
    rpo_seconds: seconds(draft.rpoHours, 3600),
    checks: draft.questions.map(
      ({ name, statement, bound, value }): QuestionIn => ({ name: name.trim(), statement, [bound]: value }),
    ),
  };
}
