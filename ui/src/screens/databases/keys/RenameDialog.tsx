import { useState } from "react";
import { useTranslation } from "react-i18next";
import { FormDialog } from "@/parts/FormDialog";
import { KeyNameField } from "./KeyNameField";
import { type KeyName, typedName } from "./names";

interface Props {
  name: string;
  act: (to: KeyName) => Promise<unknown>;
  onClose: () => void;
}

export function RenameDialog({ name, act, onClose }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(name);
  return (
    <FormDialog
      title={t("keys:rename")}
      lead={t("keys:renameLead")}
      verb={t("keys:rename")}
      save={() => act(typedName(typed))}
      onClose={onClose}
    >
      <KeyNameField value={typed} onChange={setTyped} />
    </FormDialog>
  );
}
