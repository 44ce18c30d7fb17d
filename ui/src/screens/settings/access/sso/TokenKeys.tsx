import { useQuery } from "@tanstack/react-query";
import { RotateCw, ShieldAlert } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { tokenKeysRead, tokenRotateKeys } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";

const KEY = ["tokens", "keys"];

/** What access tokens are signed with. */
export function TokenKeys() {
  const { t } = useTranslation();
  const [doing, setDoing] = useState<"rotate" | "atOnce" | null>(null);
  const { data: found, error, refetch } = useQuery({ queryKey: KEY, queryFn: () => data(tokenKeysRead()) });
  if (error && !found) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Section
      title={t("sso:current")}
      aside={
        <span className="flex flex-wrap justify-end gap-2">
          <Button icon={<RotateCw />} onClick={() => setDoing("rotate")}>
            {t("sso:rotate")}
          </Button>
          <Button icon={<ShieldAlert />} onClick={() => setDoing("atOnce")}>
            {t("sso:atOnce")}
          </Button>
        </span>
      }
    >
      <p className="text-muted text-xs">
        {t("sso:keysLead")}{" "}
        <a className="text-accent-text underline" href="/.well-known/jwks.json" target="_blank" rel="noreferrer">
          {t("sso:jwks")}
        </a>
      </p>
      {!found && <Skeleton className="mt-2 h-10" />}
      {found?.keys.length === 0 && <p className="mt-2 text-muted">{t("sso:noKeys")}</p>}
      <ul className="mt-2">
        {found?.keys.map((each) => (
          <li key={each.kid} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <code className="min-w-0 flex-1 truncate">{each.kid}</code>
            <span className="text-muted text-xs">{[each.kty, each.crv, each.alg].filter(Boolean).join(" · ")}</span>
          </li>
        ))}
      </ul>
      {(["rotate", "atOnce"] as const).map((what) => (
        <Confirm
          key={what}
          open={doing === what}
          onOpenChange={() => setDoing(null)}
          danger={what === "atOnce"}
          title={t(`sso:${what}Title`)}
          lead={t(`sso:${what}Lead`)}
          verb={t(`sso:${what}`)}
          act={async () => {
            await data(tokenRotateKeys({ body: { at_once: what === "atOnce" } }));
            toast.good(t("sso:rotated"));
            await queries.invalidateQueries({ queryKey: KEY });
          }}
        />
      ))}
    </Section>
  );
}
