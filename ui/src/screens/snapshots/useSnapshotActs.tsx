import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { snapshotUndelete } from "@/api";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import { changed, many } from "./many";

const BACK = { hold: "release", release: "hold", tag: "untag", untag: "tag" } as const;
type Act = keyof typeof BACK;

/** Hold, release, tag, untag, delete: of one or of many, each taken back by its toast. */
export function useSnapshotActs() {
  const { t } = useTranslation();
  const failed = useCallback((thrown: unknown) => {
    const error = asError(thrown);
    toast.bad(error.message, error.hint ?? undefined);
  }, []);
  const act = useCallback(
    (act: Act, ids: readonly string[], tags: string[] = [], done?: () => void) => {
      many(act, ids, tags).then((report) => {
        done?.();
        const those = changed(report);
        const said = t(`snapshots:done.${act}`, { count: those.length, tag: tags.join(", ") });
        toast.undo(said, t("shell:undo"), () => void many(BACK[act], those, tags).catch(failed));
      }, failed);
    },
    [t, failed],
  );
  const back = useCallback(async (ids: readonly string[]) => {
    await Promise.all(ids.map((id) => data(snapshotUndelete({ path: { snapshot_id: id } }))));
    await queries.invalidateQueries({ queryKey: ["snapshots"] });
  }, []);
  /** Throws: the dialog that asks shows why. */
  const forget = useCallback(
    async (ids: readonly string[]) => {
      const report = await many("forget", ids);
      const those = changed(report);
      const stay = report.items.find(({ done }) => !done);
      if (stay) toast.bad(t("snapshots:stay", { count: report.items.length - those.length }), stay.reason ?? undefined);
      const said = t("snapshots:done.forget", { count: those.length });
      toast.undo(said, t("shell:undo"), () => void back(those).catch(failed));
    },
    [t, back, failed],
  );
  return { act, forget, back };
}
