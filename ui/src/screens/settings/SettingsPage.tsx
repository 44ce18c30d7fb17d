import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { sessionList, sessionRevoke, sessionRevokeOthers } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead, PageTabs, Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { type Appearance, appearance, change } from "@/shell/appearance";
import { queries } from "@/shell/query";
import { useStore } from "@/shell/store";
import { LANGUAGES, type Language, language, speak } from "@/shell/words";

export default function SettingsPage() {
  const { t } = useTranslation();
  return (
    <div className="flex h-full flex-col">
      <PageHead title={t("settings:title")} />
      <PageTabs
        label={t("settings:title")}
        tabs={[
          { id: "appearance", title: t("settings:appearance"), body: <AppearanceTab /> },
          { id: "sessions", title: t("settings:sessions"), body: <Sessions /> },
        ]}
      />
    </div>
  );
}

function AppearanceTab() {
  const { t } = useTranslation();
  const now = useStore(appearance);
  const words = (values: readonly string[]) => values.map((value) => ({ value, label: t(`settings:${value}`) }));
  return (
    <>
      <Setting title={t("settings:theme")} lead={t("settings:themeLead")}>
        <Segments
          label={t("settings:theme")}
          value={now.theme}
          options={words(["light", "dark", "system", "time"])}
          onChange={(theme) => change({ theme: theme as Appearance["theme"] })}
        />
      </Setting>
      <Setting title={t("settings:contrast")} lead={t("settings:contrastLead")}>
        <Segments
          label={t("settings:contrast")}
          value={now.contrast}
          options={words(["normal", "high"])}
          onChange={(contrast) => change({ contrast: contrast as Appearance["contrast"] })}
        />
      </Setting>
      <Setting title={t("settings:vision")} lead={t("settings:visionLead")}>
        <Segments
          label={t("settings:vision")}
          value={now.vision}
          options={words(["usual", "safe"])}
          onChange={(vision) => change({ vision: vision as Appearance["vision"] })}
        />
      </Setting>
      <Setting title={t("shell:density")} lead={t("settings:densityLead")}>
        <Segments
          label={t("shell:density")}
          value={now.density}
          options={["comfortable", "compact"].map((value) => ({ value, label: t(`shell:${value}`) }))}
          onChange={(density) => change({ density: density as Appearance["density"] })}
        />
      </Setting>
      <Setting title={t("settings:language")} lead={t("settings:languageLead")}>
        <Segments
          label={t("settings:language")}
          value={language()}
          options={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
          onChange={(value) => void speak(value as Language)}
        />
      </Setting>
    </>
  );
}

function Setting({ title, lead, children }: { title: string; lead: string; children: React.ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-x-8 gap-y-2 border-b px-4 py-4 sm:px-6">
      <div className="min-w-56 max-w-md flex-1">
        <h2 className="font-medium">{title}</h2>
        <p className="text-muted text-xs">{lead}</p>
      </div>
      {children}
    </div>
  );
}

interface SegmentsProps {
  label: string;
  value: string;
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

function Segments({ label, value, options, onChange }: SegmentsProps) {
  return (
    <fieldset className="inline-flex rounded-md border bg-sunken p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className={cx(
            "grid h-7 place-items-center rounded-sm px-2.5 font-medium text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent pointer-coarse:h-9",
            option.value === value
              ? "bg-raised text-text shadow-[0_0_0_1px_var(--line)]"
              : "text-muted hover:text-text",
          )}
        >
          <input
            type="radio"
            name={label}
            className="sr-only"
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}

function Sessions() {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["sessions"],
    queryFn: async () => (await data(sessionList({ query: { limit: 100 } }))).items,
  });
  const again = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const end = useMutation({
    mutationFn: (id: string) => data(sessionRevoke({ path: { session_id: id } })),
    onSuccess: again,
  });
  const others = useMutation({ mutationFn: () => data(sessionRevokeOthers()), onSuccess: again });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Section
      title={t("settings:sessions")}
      aside={
        (found?.length ?? 0) > 1 && (
          <Button size="small" busy={others.isPending} onClick={() => others.mutate()}>
            {t("settings:endOthers")}
          </Button>
        )
      }
    >
      {!found && <Skeleton className="h-10" />}
      <ul>
        {found?.map((each) => (
          <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <div className="min-w-0 flex-1">
              <p className="truncate">{each.user_agent ?? t("settings:unknownBrowser")}</p>
              <p className="text-muted text-xs">
                {each.address ?? ""} · <Time at={each.seen_at} />
              </p>
            </div>
            {each.current ? (
              <Badge tone="good">{t("settings:thisOne")}</Badge>
            ) : (
              <Button
                size="small"
                busy={end.isPending && end.variables === each.id}
                onClick={() => end.mutate(each.id)}
              >
                {t("settings:end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
