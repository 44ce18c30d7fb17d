import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { ApiError, asError } from "@/shell/api";
import { toast } from "@/shell/toasts";
import { type KeyOut, type Place, readAgain, write } from "./client";
import { ElementFields, EMPTY } from "./ElementForm";
import { LifeField } from "./ExpiryDialog";
import { elementsOf, type KeyType, momentIn, TYPES, type Unit } from "./elements";
import { typedName } from "./names";

interface Props {
  place: Place;
  onMade: (key: KeyOut) => void;
  onClose: () => void;
}

/** A new key; one of the same name is never written over. */
export function KeyForm({ place, onMade, onClose }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [type, setType] = useState<KeyType>("string");
  const [text, setText] = useState("");
  const [pairs, setPairs] = useState(EMPTY);
  const [life, setLife] = useState("");
  const [unit, setUnit] = useState<Unit>("min");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  async function save() {
    setBusy(true);
    setError(null);
    try {
      const made = await write(place, {
        name: typedName(name),
        type,
        elements: elementsOf(type, text, pairs),
        expires_at: life === "" ? null : momentIn(Number(life), unit),
        create: true,
      });
      toast.good(t("keys:made"));
      void readAgain(place);
      if (made) onMade(made);
      else onClose();
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown : asError(new Error(t(`keys:wrong.${asError(thrown).message}`))));
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog open as="sheet" onOpenChange={(open) => !open && onClose()} title={t("keys:new")}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field label={t("keys:name")} hint={t("keys:nameHint")}>
          {(given) => (
            <Input
              {...given}
              autoFocus
              required
              spellCheck={false}
              className="font-mono"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("keys:type")}>
          {(given) => (
            <Select {...given} value={type} onChange={(event) => setType(event.target.value as KeyType)}>
              {TYPES.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          )}
        </Field>
        <ElementFields type={type} text={text} pairs={pairs} onText={setText} onPairs={setPairs} />
        <LifeField count={life} unit={unit} onCount={setLife} onUnit={setUnit} />
        {error && <ErrorText error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" busy={busy}>
            {t("keys:create")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
