import { Download, FileDown, FileUp, Trash2, Upload } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type ExportOut,
  exportDelete,
  exportList,
  type ImportOut,
  importList,
  type UploadOut,
  uploadDelete,
  uploadList,
} from "@/api";
import { Button } from "@/parts/Button";
import { Segments } from "@/parts/Setting";
import { Badge, Size, Time, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { count } from "@/parts/text";
import { useEach } from "@/parts/useEach";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { ExportSheet } from "./ExportSheet";
import { ImportReport } from "./ImportReport";
import { ImportWizard } from "./ImportWizard";

const TONES: Record<string, Tone> = {
  ready: "good",
  done: "good",
  complete: "good",
  failed: "bad",
  running: "info",
  open: "info",
};

/** Rows in and out of a database, and the files of it that are kept for a while. */
export default function TransfersTab({ database, engine }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const [search, set] = useAddress();
  const [doing, setDoing] = useState<"import" | "export" | null>(null);
  const [taken, setTaken] = useState<UploadOut | null>(null);
  const [canImport, canExport] = [can("database.import"), can("database.export")];
  const views = [...(canExport ? ["exports"] : []), ...(canImport ? ["imports", "uploads"] : [])];
  const view = views.find((each) => each === search.view) ?? views[0];
  const close = () => {
    setDoing(null);
    setTaken(null);
  };
  const ready = database.state === "ready";
  const goImport = canImport && ready && (
    <Button icon={<FileUp />} look="primary" onClick={() => setDoing("import")}>
      {t("transfers:import")}
    </Button>
  );
  const goExport = canExport && ready && (
    <Button icon={<FileDown />} onClick={() => setDoing("export")}>
      {t("transfers:export")}
    </Button>
  );
  return (
    <div className="flex h-full flex-col">
      <div className="flex flex-wrap items-center justify-between gap-2 px-4 pt-3 sm:px-6">
        <Segments
          label={t("transfers:title")}
          value={view ?? ""}
          options={views.map((value) => ({ value, label: t(`transfers:views.${value}`) }))}
          onChange={(value) => set({ view: value === views[0] ? undefined : value, sort: undefined })}
        />
        <div className="flex gap-1.5 max-sm:[&_svg]:hidden">
          {goExport}
          {goImport}
        </div>
      </div>
      <div className="min-h-0 flex-1">
        {view === "exports" && <Exports id={database.id} />}
        {view === "imports" && <Imports id={database.id} />}
        {view === "uploads" && (
          <Uploads
            id={database.id}
            onTake={(upload) => {
              setTaken(upload);
              setDoing("import");
            }}
          />
        )}
      </div>
      {doing === "import" && <ImportWizard database={database} given={taken} onClose={close} />}
      {doing === "export" && <ExportSheet database={database} engine={engine} onClose={close} />}
    </div>
  );
}

function State({ of, title }: { of: string; title?: string }) {
  const { t } = useTranslation();
  return (
    <span title={title}>
      <Badge tone={TONES[of] ?? "plain"}>{t(`transfers:states.${of}`, { defaultValue: of })}</Badge>
    </span>
  );
}

function Exports({ id }: { id: string }) {
  const { t } = useTranslation();
  const each = useEach();
  const columns = useMemo<Column<ExportOut>[]>(
    () => [
      { id: "name", title: t("transfers:file"), value: (row) => row.name, width: "minmax(180px, 2fr)", card: "title" },
      {
        id: "state",
        title: t("transfers:state"),
        value: (row) => t(`transfers:states.${row.state}`, { defaultValue: row.state }),
        cell: (row) => <State of={row.state} title={String(row.error?.message ?? "")} />,
        width: "120px",
        card: "side",
      },
      {
        id: "bytes",
        title: t("transfers:size"),
        value: (row) => row.bytes,
        cell: (row) => <Size of={row.bytes} />,
        numeric: true,
        width: "100px",
        card: "line",
      },
      {
        id: "created",
        title: t("transfers:made"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
      {
        id: "expires",
        title: t("transfers:until"),
        value: (row) => row.expires_at,
        cell: (row) => <Time at={row.expires_at} />,
        width: "120px",
      },
      {
        id: "get",
        title: t("transfers:download"),
        value: () => "",
        cell: (row) =>
          row.state === "ready" && (
            <Button asChild look="quiet" size="small" className="-ml-2 max-sm:ml-0 max-sm:-mr-2">
              <a href={`/api/v1/exports/${row.id}/content`} download className="relative z-1">
                <Download aria-hidden />
                {t("transfers:download")}
              </a>
            </Button>
          ),
        width: "120px",
        card: "side",
      },
      { id: "sha256", title: "SHA-256", value: (row) => row.sha256, width: "220px", spare: true },
    ],
    [t],
  );
  const source = useMemo<Source<ExportOut>>(
    () => ({
      key: ["exports", "list", id],
      page: ({ limit, cursor, signal }) => data(exportList({ query: { resource_id: id, limit, cursor }, signal })),
    }),
    [id],
  );
  const acts: BulkAct<ExportOut>[] = [
    {
      id: "delete",
      title: t("transfers:delete"),
      icon: <Trash2 />,
      danger: true,
      run: (rows, clear) =>
        each(rows, (row) => data(exportDelete({ path: { export_id: row.id } })), clear).then(() =>
          queries.invalidateQueries({ queryKey: ["exports"] }),
        ),
    },
  ];
  return (
    <DataTable
      id="exports"
      label={t("transfers:views.exports")}
      source={source}
      columns={columns}
      acts={acts}
      rowId={(row) => row.id}
      empty={{ icon: <FileDown />, title: t("transfers:noExports"), lead: t("transfers:noExportsLead") }}
    />
  );
}

function Imports({ id }: { id: string }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState<ImportOut | null>(null);
  const columns = useMemo<Column<ImportOut>[]>(() => {
    const told = (row: ImportOut, key: string) => (typeof row.result?.[key] === "number" ? row.result[key] : null);
    return [
      {
        id: "table",
        title: t("transfers:table"),
        value: (row) => String(row.result?.table ?? row.wish.table ?? t("transfers:script")),
        width: "minmax(160px, 2fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("transfers:state"),
        value: (row) => t(`transfers:states.${row.state}`, { defaultValue: row.state }),
        cell: (row) => <State of={row.state} />,
        width: "120px",
        card: "side",
      },
      {
        id: "rows",
        title: t("transfers:rows"),
        value: (row) => told(row, "rows"),
        onCard: (row) =>
          t("snapshots:rowCount", { count: told(row, "rows") ?? 0, shown: count(told(row, "rows") ?? 0) }),
        numeric: true,
        width: "100px",
        card: "line",
      },
      { id: "bad", title: t("transfers:bad"), value: (row) => told(row, "bad"), numeric: true, width: "100px" },
      {
        id: "created",
        title: t("transfers:made"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
    ];
  }, [t]);
  const source = useMemo<Source<ImportOut>>(
    () => ({
      key: ["imports", "list", id],
      page: ({ limit, cursor, signal }) => data(importList({ query: { resource_id: id, limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <>
      <DataTable
        id="imports"
        label={t("transfers:views.imports")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        onOpen={setOpened}
        empty={{ icon: <FileUp />, title: t("transfers:noImports"), lead: t("transfers:noImportsLead") }}
      />
      {opened && <ImportReport id={opened.id} onClose={() => setOpened(null)} />}
    </>
  );
}

/** One's own files on the server: whole ones wait to be imported, the others to be gone on with. */
function Uploads({ id, onTake }: { id: string; onTake: (upload: UploadOut) => void }) {
  const { t } = useTranslation();
  const each = useEach();
  const columns = useMemo<Column<UploadOut>[]>(
    () => [
      { id: "name", title: t("transfers:file"), value: (row) => row.name, width: "minmax(180px, 2fr)", card: "title" },
      {
        id: "state",
        title: t("transfers:state"),
        value: (row) => t(`transfers:states.${row.state}`, { defaultValue: row.state }),
        cell: (row) => <State of={row.state} />,
        width: "120px",
        card: "side",
      },
      {
        id: "received",
        title: t("transfers:there"),
        value: (row) => row.received / row.size,
        cell: (row) => `${count(Math.floor((100 * row.received) / row.size))} %`,
        onCard: (row) => `${t("transfers:there")}: ${count(Math.floor((100 * row.received) / row.size))} %`,
        numeric: true,
        width: "90px",
        card: "line",
      },
      {
        id: "size",
        title: t("transfers:size"),
        value: (row) => row.size,
        cell: (row) => <Size of={row.size} />,
        numeric: true,
        width: "100px",
        card: "line",
      },
      {
        id: "expires",
        title: t("transfers:until"),
        value: (row) => row.expires_at,
        cell: (row) => <Time at={row.expires_at} />,
        width: "120px",
      },
    ],
    [t],
  );
  const source = useMemo<Source<UploadOut>>(
    () => ({
      key: ["uploads", "list", id],
      page: async ({ limit, cursor, signal }) => {
        const { items, next_cursor } = await data(uploadList({ query: { limit, cursor }, signal }));
        return { items: items.filter(({ resource_id }) => resource_id === id), next_cursor };
      },
    }),
    [id],
  );
  const acts: BulkAct<UploadOut>[] = [
    {
      id: "delete",
      title: t("transfers:delete"),
      icon: <Trash2 />,
      danger: true,
      run: (rows, clear) =>
        each(rows, (row) => data(uploadDelete({ path: { upload_id: row.id } })), clear).then(() =>
          queries.invalidateQueries({ queryKey: ["uploads"] }),
        ),
    },
  ];
  return (
    <DataTable
      id="uploads"
      label={t("transfers:views.uploads")}
      source={source}
      columns={columns}
      acts={acts}
      rowId={(row) => row.id}
      onOpen={onTake}
      empty={{ icon: <Upload />, title: t("transfers:noUploads"), lead: t("transfers:noUploadsLead") }}
    />
  );
}
