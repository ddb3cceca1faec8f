//! Chinese.

use super::Words;

pub(super) static WORDS: Words = Words {
    code: "zh-CN",
    other: "en",
    in_other: "English",
    log_out: "退出",
    to_content: "跳到正文",
    where_one_is: "导航",

    hotels: "酒店",
    hotel: "酒店",
    rooms: "客房",
    map: "热力图",
    not_found: "找不到这个页面",
    not_found_advice: "地址有误，或者该酒店、客房不存在，或您无权查看。",
    no_hotels: "还没有任何酒店的客房。收到第一条入住或退房消息后，这里会显示。",

    open: "未恢复异常",
    occupied: "住客房",
    vacant: "空房",
    silent: "无数据",
    out_of_order: "维修房",
    power_now: "当前功率 kW",
    kwh_today: "今日用电 kWh",
    data_until: "数据截至",

    room: "房间",
    state: "房态",
    state_since: "房态始于",
    mean_power: "功率 kW",
    ended: "截至",
    trend: "近期走势",
    run: "异常已持续",
    since: "自",
    alerted: "异常",
    begins: "偏高",
    overstayed: "超时未退房",
    rooms_caption: "各房现状，最需处理的在前。功率为最近一个周期的平均值。",
    search: "查找",
    search_label: "房号",
    search_hotel: "店名或编号",
    floor: "楼层",
    all_floors: "全部",
    nothing_found: "没有符合的房间。",
    no_hotel_found: "没有符合的酒店。",
    no_data: "—",

    verdict: "判断",
    used: "用电 kWh",
    normal: "正常",
    abnormal: "超过阈值",
    aside: "不计入",
    reason: "说明",
    readings_caption: "图中各周期的读数与判断，最新的在前；按现行规则判断。",
    stays: "历次入住与空置",
    earlier: "更早",
    later: "更晚",
    chart_nav: "时间范围与下载",
    csv: "下载 CSV",
    gap: "没有读数",
    arrival: "入住",
    departure: "退房",
    alert: "报警",
    reminder: "提醒",
    recovered: "恢复",
    closed: "不再跟踪",
    meter_changed: "换表",
    map_levels: "每格半小时平均功率（kW），由低到高：",
    day_kwh: "24 小时 kWh",
    most_kw: "最高 kW",
    busy: "暂时无法读取",
    busy_advice: "数据库正忙或暂时连不上。页面会自动重试；现状请看客房列表。",

    threshold: |kwh| format!("现行阈值 {kwh} kWh"),
    map_caption: |from, to| {
        format!("{from} 至 {to}，每格 30 分钟。下有横线的时段有客人入住，没有横线的为空房。")
    },
    chart_of: |from, to| format!("{from} 至 {to} 每周期用电"),
    periods: |periods, seconds| format!("{periods} × {}", duration(seconds)),
    ago: |seconds| match seconds {
        ..60 => "刚刚".to_owned(),
        seconds => format!("{}前", long(seconds)),
    },
    data_as_of: |time, ago| format!("数据截至 {time}（{ago}）"),
    on_floor: |floor| match floor {
        "" => "其他".to_owned(),
        floor => format!("{floor} 楼"),
    },
    stale: |since| match since {
        Some(since) => format!(
            "监测已停滞：自 {since} 起没有完成过检查，以下内容可能已过时。请联系系统管理员。"
        ),
        None => "启动后尚未完成第一次检查，以下内容可能已过时。".to_owned(),
    },
    hotels_caption: |time| format!("{time} 统计的各酒店状况，需处理的在前。"),
    shown_hotels: |shown, all| format!("显示 {shown} 家，共 {all} 家"),
    shown_of: |shown, all| format!("显示 {shown} 间，共 {all} 间"),
};

fn duration(seconds: i64) -> String {
    match (seconds / 3_600, seconds % 3_600 / 60) {
        (0, minutes) => format!("{minutes} 分钟"),
        (hours, 0) => format!("{hours} 小时"),
        (hours, minutes) => format!("{hours} 小时 {minutes} 分钟"),
    }
}

fn long(seconds: i64) -> String {
    match seconds / 86_400 {
        ..1 => duration(seconds),
        days => format!("{days} 天"),
    }
}
