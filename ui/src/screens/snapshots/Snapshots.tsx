import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { useTitle } from "@/parts/Page";
import { A } from "@/shell/address";
import { useScope } from "@/shell/scope";
import { SnapshotTable } from "./SnapshotTable";

export default function Snapshots() {
  const { t } = useTranslation();
  const { filter, isLoading } = useScope();
  useTitle(t("snapshots:title"));
  return (
    <SnapshotTable
      filter={filter}
      waits={isLoading}
      action={
        <Button asChild>
          <A to="/databases">{t("snapshots:pick")}</A>
        </Button>
      }
    />
  );
}
