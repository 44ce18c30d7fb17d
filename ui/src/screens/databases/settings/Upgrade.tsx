import { useMutation, useQuery } from "@tanstack/react-query";
import { CircleArrowUp, FlaskConical, Undo2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type UpgradeOut, upgradeCreate, upgradeList, upgradeTakeBack } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Badge, Skeleton, Time, type Tone } from "@/parts/small";
import { lasted } from "@/parts/text";
import { useBegun } from "@/parts/useBegun";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { above } from "./versions";

const TONES: Record<string, Tone> = {
  switched: "good",
  rehearsed: "good",
  failed: "bad",
  running: "info",
  switching: "info",
};

/** To another major version: tried on a copy, then switched, and for a while taken back. */
export function Upgrade({ database, engine }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("database.upgrade");
  const begun = useBegun("databases");
  const [to, setTo] = useState<string | null>(null);
  const current = String(database.spec.version ?? engine?.capabilities.default_version ?? "");
  const offered = above((engine?.capabilities.versions as string[] | undefined) ?? [], current);
  const path = { database_id: database.id };
  const {
    data: past,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", database.id, "upgrades"],
    queryFn: async () => (await data(upgradeList({ path, query: { limit: 20 } }))).items,
  });
  const rehearse = useMutation({
    mutationFn: (version: string) => data(upgradeCreate({ path, body: { version, rehearse: true } })),
    networkMode: "always",
    onSuccess: begun,
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <>
      <Section title={t("dbsettings:upgrade")}>
        <p className="max-w-prose text-muted">
          {t(offered.length === 0 ? "dbsettings:newest" : "dbsettings:upgradeLead", { version: current })}
        </p>
        <ul className="mt-3 max-w-3xl empty:hidden">
          {offered.map((version) => (
            <li key={version} className="flex flex-wrap items-center gap-3 border-t py-2 first:border-t-0">
              <span className="flex-1 font-medium">
                {engine?.title} {version}
              </span>
              {able && (
                <>
                  <Button
                    icon={<FlaskConical />}
                    busy={rehearse.isPending && rehearse.variables === version}
                    onClick={() => rehearse.mutate(version)}
                  >
                    {t("dbsettings:rehearse")}
                  </Button>
                  <Button icon={<CircleArrowUp />} onClick={() => setTo(version)}>
                    {t("dbsettings:upgradeTo", { version })}
                  </Button>
                </>
              )}
            </li>
          ))}
        </ul>
      </Section>
      <Section title={t("dbsettings:pastUpgrades")}>
        {!past && <Skeleton className="h-10" />}
        {past?.length === 0 && <p className="text-muted">{t("dbsettings:noUpgrades")}</p>}
        <ul className="max-w-3xl">
          {past?.map((each) => (
            <Past key={each.id} of={each} name={database.name} able={able} />
          ))}
        </ul>
      </Section>
      <Confirm
        open={to !== null}
        onOpenChange={(open) => !open && setTo(null)}
        danger
        name={database.name}
        title={t("dbsettings:upgradeTitle", { name: database.name, version: to })}
        lead={t("dbsettings:upgradeConfirm")}
        verb={t("dbsettings:upgradeTo", { version: to })}
        act={async () => {
          begun(await data(upgradeCreate({ path, body: { version: to ?? "", confirm: database.name } })));
        }}
      />
    </>
  );
}

function Past({ of, name, able }: { of: UpgradeOut; name: string; able: boolean }) {
  const { t } = useTranslation();
  const begun = useBegun("databases");
  const [asked, setAsked] = useState(false);
  const isKept = of.state === "switched" && of.kept_until !== null && new Date(of.kept_until) > new Date();
  const took = Object.entries(of.report.seconds ?? {}).filter(
    (each): each is [string, number] => typeof each[1] === "number",
  );
  const left = Array.isArray(of.report.left_behind) ? of.report.left_behind.map(String) : [];
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t py-2 first:border-t-0">
      <Badge tone={TONES[of.state] ?? "plain"}>
        {t(`dbsettings:upgradeStates.${of.state.replace(" ", "_")}`, { defaultValue: of.state })}
      </Badge>
      <div className="min-w-40 flex-1">
        <p>
          {of.from_version} → {of.to_version} · <Time at={of.created_at} />
        </p>
        {of.error && <p className="text-bad text-xs">{String(of.error.message ?? "")}</p>}
        {took.length > 0 && (
          <p className="text-muted text-xs">
            {took.map(([what, seconds]) => `${what} ${lasted(seconds)}`).join(" · ")}
          </p>
        )}
        {left.map((each) => (
          <p key={each} className="text-warn text-xs">
            {each}
          </p>
        ))}
      </div>
      {able && isKept && (
        <Button size="small" icon={<Undo2 />} onClick={() => setAsked(true)}>
          {t("dbsettings:takeBack")}
        </Button>
      )}
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        danger
        name={name}
        title={t("dbsettings:takeBackTitle", { version: of.from_version })}
        lead={t("dbsettings:takeBackLead")}
        verb={t("dbsettings:takeBack")}
        act={async () => {
          begun(await data(upgradeTakeBack({ path: { upgrade_id: of.id }, body: { confirm: name } })));
        }}
      />
    </li>
  );
}
