import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useCreating } from "@/parts/useCreating";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { SnapshotTable } from "../SnapshotTable";
import { ImportSheet } from "./ImportSheet";

/** Dumps that became snapshots. */
export default function Imports() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const imported = useMemo(() => ({ ...filter, trigger: ["import"] }), [filter]);
  const { creating, end, add } = useCreating("dump.new", t("dumps:new"), can("snapshot.import"));
  return (
    <>
      <SnapshotTable
        filter={imported}
        waits={isLoading}
        action={add}
        empty={{ title: t("dumps:none"), lead: t("dumps:noneLead") }}
      />
      {creating && <ImportSheet onClose={end} />}
    </>
  );
}
