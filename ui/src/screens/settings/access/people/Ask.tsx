import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { FormDialog } from "@/parts/FormDialog";

interface Props {
  title: string;
  lead?: string;
  value: string;
  onClose: () => void;
  save: (value: string) => Promise<unknown>;
  children: (value: string, set: (value: string) => void) => ReactNode;
}

/** One value in a dialog: changed, saved, closed. */
export function Ask({ title, lead, value, onClose, save, children }: Props) {
  const { t } = useTranslation();
  const [now, setNow] = useState(value);
  return (
    <FormDialog
      title={title}
      lead={lead}
      verb={t("shell:save")}
      able={now !== value}
      save={() => save(now)}
      onClose={onClose}
    >
      {children(now, setNow)}
    </FormDialog>
  );
}
