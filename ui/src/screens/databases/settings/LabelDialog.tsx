import { useState } from "react";
import { FormDialog } from "@/parts/FormDialog";
import { Labels } from "./Labels";

interface Props {
  title: string;
  verb: string;
  onClose: () => void;
  onLabel: (labels: Record<string, string>) => Promise<void>;
}

/** Labels for all that are picked, on top of those they have. */
export function LabelDialog({ title, verb, onClose, onLabel }: Props) {
  const [labels, setLabels] = useState<Record<string, string>>({});
  return (
    <FormDialog
      title={title}
      verb={verb}
      able={Object.keys(labels).length > 0}
      save={() => onLabel(labels)}
      onClose={onClose}
    >
      <Labels labels={labels} onChange={setLabels} />
    </FormDialog>
  );
}
