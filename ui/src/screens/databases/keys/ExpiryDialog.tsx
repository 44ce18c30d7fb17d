import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { moment } from "@/parts/text";
import { momentIn, type Unit } from "./elements";

const UNITS: readonly Unit[] = ["s", "min", "h", "d"];

interface LifeProps {
  count: string;
  unit: Unit;
  onCount: (count: string) => void;
  onUnit: (unit: Unit) => void;
}

/** How long from now; empty is for ever. */
export function LifeField({ count, unit, onCount, onUnit }: LifeProps) {
  const { t } = useTranslation();
  return (
    <Field label={t("keys:expiresIn")} hint={t("keys:expiresHint")}>
      {(given) => (
        <div className="flex gap-1.5">
          <Input
            {...given}
            type="number"
            min={1}
            step={1}
            value={count}
            placeholder={t("keys:never")}
            onChange={(event) => onCount(event.target.value)}
          />
          <Select
            aria-label={t("keys:unit")}
            className="w-32!"
            value={unit}
            onChange={(event) => onUnit(event.target.value as Unit)}
          >
            {UNITS.map((each) => (
              <option key={each} value={each}>
                {t(`keys:unitNames.${each}`)}
              </option>
            ))}
          </Select>
        </div>
      )}
    </Field>
  );
}

interface Props {
  at: string | null;
  act: (at: string | null) => Promise<unknown>;
  onClose: () => void;
}

export function ExpiryDialog({ at, act, onClose }: Props) {
  const { t } = useTranslation();
  const [count, setCount] = useState("");
  const [unit, setUnit] = useState<Unit>("min");
  return (
    <FormDialog
      title={t("keys:expiry")}
      lead={at ? t("keys:expiresAt", { at: moment(at) }) : t("keys:stays")}
      verb={t("keys:setExpiry")}
      save={() => act(count === "" ? null : momentIn(Number(count), unit))}
      onClose={onClose}
    >
      <LifeField count={count} unit={unit} onCount={setCount} onUnit={setUnit} />
    </FormDialog>
  );
}
