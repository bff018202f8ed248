import { importPeer } from './install.ts';
import type { Row } from './measure.ts';

/** What of ECharts is used: it draws SVG without a browser. */
interface Echarts {
  init(
    element: null,
    theme: null,
    options: { renderer: 'svg'; ssr: true; width: number; height: number },
  ): { setOption(option: object): void; renderToSVGString(): string; dispose(): void };
}

const width = 860;
const barHeight = 30;
const headHeight = 44;
const footHeight = 34;
const colors = { ours: '#1f6feb', other: '#8b949e', text: '#57606a' };

/** Where each operation's bars stand. */
function layOut(rows: readonly Row[]) {
  let top = 0;
  return [...new Set(rows.map(({ operation }) => operation))].map((operation) => {
    const own = rows.filter((row) => row.operation === operation);
    const place = { operation, own, top, height: own.length * barHeight };
    top += headHeight + place.height + footHeight;
    return place;
  });
}

/** Bars of CPU per operation, one group for each operation of a table. @returns SVG */
export async function plotRows(rows: readonly Row[]): Promise<string> {
  const echarts = await importPeer<Echarts>('echarts');
  const places = layOut(rows);
  const last = places.at(-1);
  const height = last ? last.top + headHeight + last.height + footHeight : 0;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif' },
    title: places.map(({ operation, top }) => ({
      text: `${operation}: CPU per operation, microseconds`,
      top: top + 10,
      left: 12,
      textStyle: { fontSize: 14, color: colors.text },
    })),
    grid: places.map(({ top, height: own }) => ({ top: top + headHeight, height: own, left: 330, right: 120 })),
    xAxis: places.map((_, gridIndex) => ({ type: 'value', gridIndex, axisLabel: { color: colors.text } })),
    yAxis: places.map(({ own }, gridIndex) => ({
      type: 'category',
      gridIndex,
      inverse: true,
      data: own.map(({ name }) => name),
      axisLabel: { color: colors.text, width: 310, overflow: 'truncate' },
    })),
    series: places.map(({ own }, at) => ({
      type: 'bar',
      xAxisIndex: at,
      yAxisIndex: at,
      barWidth: 16,
      data: own.map(({ name, cpuMicros, cpuRatio }) => ({
        value: Math.round(cpuMicros.median * 10) / 10,
        itemStyle: { color: name.startsWith('ours') ? colors.ours : colors.other },
        label: {
          show: true,
          position: 'right',
          color: colors.text,
          formatter: `{c} (x ${cpuRatio.median.toFixed(2)})`,
        },
      })),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg.trimEnd()}\n`;
}
