import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { wrongPath } from "./draft";

interface Props {
  title: string;
  verb: string;
  path: string;
  there: readonly string[];
  save: (path: string) => Promise<unknown> | undefined;
  onClose: () => void;
}

/** Where a file is: of a new one, or of one that moves. */
export function PathDialog({ title, verb, path, there, save, onClose }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(path);
  const wrong = typed === path ? null : wrongPath(typed, there);
  return (
    <FormDialog
      title={title}
      verb={verb}
      able={typed !== path && typed !== "" && wrong === null}
      save={async () => save(typed)}
      onClose={onClose}
    >
      <Field
        label={t("code:path")}
        hint={t("code:pathHint")}
        error={wrong && typed !== "" ? t(`code:paths.${wrong}`) : null}
      >
        {(given) => (
          <Input
            {...given}
            autoFocus
            autoComplete="off"
            spellCheck={false}
            maxLength={240}
            placeholder="src/entry.py"
            className="font-mono"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
