// What deploy/grafana/dungeonfighter.json may hold: Grafana's published types, with the options of the panels that
// it uses. tests/integration/test_dashboard.py puts the dashboard behind these lines and lets tsc check the whole.
import type * as grafana from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of enumerations, not their names.
type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Each>
      ? Array<Plain<Each>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// The package does not hold the query of Prometheus, which is documented with its data source.
interface Target extends Omit<grafana.DataQuery, 'datasource'> {
  datasource: grafana.DataSourceRef;
  editorMode: 'code' | 'builder';
  expr: string;
  instant: boolean;
  legendFormat: string;
  range: boolean;
}

type PanelOf<Type, Options, Custom> = Plain<
  Omit<grafana.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'>
> & {
  type: Type;
  options: Plain<Options>;
  targets: Array<Target>;
  fieldConfig: Plain<
    Omit<grafana.FieldConfigSource, 'defaults'> & {
      defaults: Omit<grafana.FieldConfig, 'custom'> & { custom?: Custom };
    }
  >;
};

type CheckedPanel =
  | PanelOf<'stat', stat.Options, never>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;
type CheckedRow = Omit<Plain<grafana.RowPanel>, 'panels'> & { panels: Array<CheckedPanel> };

export type CheckedDashboard = Omit<Plain<grafana.Dashboard>, 'panels'> & {
  panels: Array<CheckedPanel | CheckedRow>;
};
