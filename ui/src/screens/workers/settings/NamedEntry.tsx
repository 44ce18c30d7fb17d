import { Pencil, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Entry } from "@/parts/Entries";

interface Props {
  name: string;
  state?: ReactNode;
  lead: ReactNode;
  /** What its button says: `workers:VERB`, and with the name `workers:VERBNamed`. */
  verb?: "change" | "override" | "replace";
  /** Nothing: who looks may not. */
  onEdit?: (() => void) | false;
  /** Nothing: it may not, or it is not from here. */
  onForget?: (() => void) | false;
}

/** What code finds by its name, changed and forgotten. */
export function NamedEntry({ name, state, lead, verb = "change", onEdit, onForget }: Props) {
  const { t } = useTranslation();
  return (
    <Entry title={<code className="font-mono text-xs">{name}</code>} state={state} lead={lead}>
      {onEdit && (
        <Button size="small" icon={<Pencil />} aria-label={t(`workers:${verb}Named`, { name })} onClick={onEdit}>
          {t(`workers:${verb}`)}
        </Button>
      )}
      {onForget && (
        <Button
          size="small"
          look="quiet"
          aria-label={t("workers:forgetNamed", { name })}
          icon={<Trash2 />}
          onClick={onForget}
        />
      )}
    </Entry>
  );
}
