import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { asError } from "@/shell/api";
import { toast } from "@/shell/toasts";

const AT_ONCE = 4;

/**
 * One call per row, four at a time; one message at the end says how many went and what the first failure was. `said`:
 * a word that counts, for what is done when it answers; without it something was begun.
 */
export function useEach() {
  const { t } = useTranslation();
  return useCallback(
    async <R>(
      rows: readonly R[],
      call: (row: R) => Promise<unknown>,
      done: () => void,
      /** What is said of those that went, counted. */
      word = "shell:begun",
    ): Promise<void> => {
      const waiting = [...rows];
      const failures: unknown[] = [];
      const worker = async () => {
        for (let row = waiting.shift(); row !== undefined; row = waiting.shift())
          await call(row).catch((error) => failures.push(error));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      done();
      const went = rows.length - failures.length;
      if (failures.length === 0) toast.good(t(word, { count: went }));
      else toast.bad(t("shell:someFailed", { failed: failures.length, of: rows.length }), asError(failures[0]).message);
    },
    [t],
  );
}
