import { importPeer } from './install.ts';

/** What of ECharts is used: it draws SVG without a browser. */
interface Echarts {
  init(
    element: null,
    theme: null,
    options: { renderer: 'svg'; ssr: true; width: number; height: number },
  ): { setOption(option: object): void; renderToSVGString(): string; dispose(): void };
}

/** One line over time. */
export interface Line {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** Values that get a dot. */
  readonly marked?: readonly boolean[];
}

const width = 860;
const panelHeight = 150;
const headHeight = 40;
const colors = { line: '#1f6feb', mark: '#cf222e', text: '#57606a' };

/** One panel for each line, one below the other. @param minutes of each value @returns SVG */
export async function plotLines(minutes: readonly number[], lines: readonly Line[]): Promise<string> {
  const echarts = await importPeer<Echarts>('echarts');
  const height = lines.length * (panelHeight + headHeight) + 30;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  const top = (at: number) => at * (panelHeight + headHeight);
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif' },
    title: lines.map(({ name, unit }, at) => ({
      text: unit === '' ? name : `${name}, ${unit}`,
      top: top(at) + 8,
      left: 12,
      textStyle: { fontSize: 14, color: colors.text },
    })),
    grid: lines.map((_, at) => ({ top: top(at) + headHeight, height: panelHeight - 30, left: 70, right: 30 })),
    xAxis: lines.map((_, gridIndex) => ({
      type: 'value',
      gridIndex,
      min: 0,
      max: Math.ceil(minutes.at(-1) ?? 1),
      axisLabel: { color: colors.text, formatter: '{value} min' },
    })),
    yAxis: lines.map((_, gridIndex) => ({ type: 'value', gridIndex, min: 0, axisLabel: { color: colors.text } })),
    series: lines.map(({ values, marked }, at) => ({
      type: 'line',
      xAxisIndex: at,
      yAxisIndex: at,
      showSymbol: false,
      lineStyle: { width: 1.5, color: colors.line },
      data: values.map((value, index) => [minutes[index], value]),
      markPoint: {
        symbol: 'circle',
        symbolSize: 6,
        label: { show: false },
        itemStyle: { color: colors.mark },
        data: values.flatMap((value, index) => (marked?.[index] ? [{ coord: [minutes[index], value] }] : [])),
      },
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg.trimEnd()}\n`;
}
