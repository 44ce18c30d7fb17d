import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseDelete } from "@/api";
import { Confirm } from "@/parts/Confirm";
import { useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { Bound } from "../workers/Bound";

interface Props {
  database: DatabaseOut;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Deletes it after its name was typed, and goes back to the list. */
export function ConfirmDelete({ database, open, onOpenChange }: Props) {
  const { t } = useTranslation();
  const go = useGo();
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      danger
      title={t("databases:deleteTitle", { name: database.name })}
      lead={
        <>
          {t("databases:deleteLead")}
          <Bound to={database.id} />
        </>
      }
      verb={t("databases:delete")}
      name={database.name}
      act={async () => {
        await data(databaseDelete({ path: { database_id: database.id }, body: { confirm: database.name } }));
        await queries.invalidateQueries({ queryKey: ["databases"] });
        go("/databases");
      }}
    />
  );
}
