import { useQuery } from "@tanstack/react-query";
import { ShieldCheck, ShieldOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type FactorsOut, factorRead, recoveryCodeCreate, totpDelete } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { Passkeys } from "./Passkeys";
import { RecoveryCodes } from "./RecoveryCodes";
import { SetUpTotp } from "./SetUpTotp";

type Doing = "setUp" | "remove" | "newCodes" | null;

export default function Factors() {
  const { t } = useTranslation();
  const [doing, setDoing] = useState<Doing>(null);
  const [codes, setCodes] = useState<readonly string[]>([]);
  const { data: held, error, refetch } = useQuery({ queryKey: ["factors"], queryFn: () => data(factorRead()) });
  const again = () => queries.invalidateQueries({ queryKey: ["factors"] });
  if (error && !held) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!held) return <Skeleton className="m-6 h-24" />;
  const end = () => setDoing(null);
  return (
    <>
      <App held={held} begin={setDoing} />
      <Passkeys onCodes={setCodes} />
      {(held.totp || held.passkeys > 0) && (
        <Section
          title={t("factors:codes")}
          aside={<Button onClick={() => setDoing("newCodes")}>{t("factors:newCodes")}</Button>}
        >
          <p className="flex flex-wrap items-center gap-2 text-muted text-xs">
            <Badge tone={held.recovery_codes_left > 2 ? "plain" : "warn"}>
              {t("factors:left", { count: held.recovery_codes_left })}
            </Badge>
            {t("factors:codesLead")}
          </p>
        </Section>
      )}
      {doing === "setUp" && (
        <SetUpTotp
          onClose={end}
          onDone={(made) => {
            end();
            setCodes(made);
            void again();
          }}
        />
      )}
      <Confirm
        open={doing === "remove"}
        onOpenChange={end}
        danger
        title={t("factors:removeTitle")}
        lead={t("factors:removeLead")}
        verb={t("factors:remove")}
        act={async () => {
          await data(totpDelete());
          await again();
        }}
      />
      <Confirm
        open={doing === "newCodes"}
        onOpenChange={end}
        title={t("factors:newCodesTitle")}
        lead={t("factors:newCodesLead")}
        verb={t("factors:newCodes")}
        act={async () => {
          setCodes((await data(recoveryCodeCreate())).recovery_codes);
          await again();
        }}
      />
      {codes.length > 0 && doing === null && <RecoveryCodes codes={codes} onClose={() => setCodes([])} />}
    </>
  );
}

function App({ held, begin }: { held: FactorsOut; begin: (what: Doing) => void }) {
  const { t } = useTranslation();
  return (
    <Section
      title={t("factors:app")}
      aside={
        held.totp ? (
          <Button onClick={() => begin("remove")}>{t("factors:remove")}</Button>
        ) : (
          <Button look="primary" onClick={() => begin("setUp")}>
            {t("factors:setUp")}
          </Button>
        )
      }
    >
      <p className="flex flex-wrap items-center gap-2 text-muted text-xs">
        {held.totp ? (
          <Badge tone="good" icon={<ShieldCheck />}>
            {t("factors:on")}
          </Badge>
        ) : (
          <Badge tone={held.required && held.passkeys === 0 ? "warn" : "plain"} icon={<ShieldOff />}>
            {t(held.required ? "factors:required" : "factors:off")}
          </Badge>
        )}
        {t("factors:appLead")}
      </p>
    </Section>
  );
}
