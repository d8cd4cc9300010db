"""Traditional characters of the words that contracts use, and the simplified ones they stand for.

What a department writes in 場館名稱 is the column 场馆名称. Only characters of labels, spellings and code lists stand here; a test
says which are missing. Belongs here: the pairs. Does not belong here: where headers and codes are compared (headers).
"""

from __future__ import annotations

_TRADITIONAL = (
    "萬與專業東兩嚴個箇臨為爲擧舉義乗習鄉書瞭於亾產産價眾衆優會傳傷體兒關養內冊寫軍農辳氷況準減幾齣擊劃則剏剙創別彆製劍劒劇辦務働動勵"
    "勞區醫韆協單愽佔衛衞卽卻捲廳厤曆歴歷縣參葠蓡蔘發髮變秖隻呌枱檯臺颱葉號閤衕後嚮曏聽唘啓啟員週咊諮谘廻迴逥囙團糰園睏圍國圖場塲壓壘壺"
    "處俻備復複夠頭奬獎婦媍娛嬰學實審傢導壽尒爾侷層屬嵗歲崗巖鞏師蓆乹乾亁幹榦秊廣莊牀應開張噹當彔錄録徑唸態總卹賉噁惡戲戶託讬執撫護報"
    "擬擁掛擲撡傚効捄敎數無舊旹時麯麴麹朞朮術機襍雜權條來闆搆構査標樣覈檔檢棊欖殘畢沒灋註測濟遊滿灘災烖點熱愛狀環現毬電畱療監蓋碼礎確"
    "礙俬種積稱迻牎牕窓窻築籌簽籤籃類係繫約級紀緯綫線缐練組細織終紹經結絕絶統維綜編網羣職聯腦騰饍緻捨藝範葯藥營虛補錶見觀規眎眡視覽觸"
    "計認訓議訊記講論設訪証證評識訴診話詢該詳語說説請諾讀調負財責賬貧貼費資賞賽車轉輪較邊達遷過運進適選遞遺痠埰寀採鍳鑑鑒鈡鍾鐘锺銀錯"
    "鎭鎮長門問間聞閱閲隊階坿際險隨難麪麫麵麺項順預領題頟額舘館餽饋馬騐驗齡"
)
_SIMPLIFIED = (
    "万与专业东两严个个临为为举举义乘习乡书了于亡产产价众众优会传伤体儿关养内册写军农农冰况准减几出击划则创创创别别制剑剑剧办务动动励"
    "劳区医千协单博占卫卫即却卷厅历历历历县参参参参发发变只只叫台台台台叶号合同后向向听启启启员周和咨咨回回回因团团园困围国图场场压垒壶"
    "处备备复复够头奖奖妇妇娱婴学实审家导寿尔尔局层属岁岁岗岩巩师席干干干干干年广庄床应开张当当录录录径念态总恤恤恶恶戏户托托执抚护报"
    "拟拥挂掷操效效救教数无旧时时曲曲曲期术术机杂杂权条来板构构查标样核档检棋榄残毕没法注测济游满滩灾灾点热爱状环现球电留疗监盖码础确"
    "碍私种积称移窗窗窗窗筑筹签签篮类系系约级纪纬线线线练组细织终绍经结绝绝统维综编网群职联脑腾膳致舍艺范药药营虚补表见观规视视视览触"
    "计认训议讯记讲论设访证证评识诉诊话询该详语说说请诺读调负财责账贫贴费资赏赛车转轮较边达迁过运进适选递遗酸采采采鉴鉴鉴钟钟钟钟银错"
    "镇镇长门问间闻阅阅队阶附际险随难面面面面项顺预领题额额馆馆馈馈马验验龄"
)
# Radicals that stand for the character in texts copied from a PDF; Unicode decomposes the others by itself.
RADICALS = str.maketrans(
    "⺁⺝⺠⻁⻄⻅⻆⻉⻋⻑⻓⻔⻘⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻬⻮⻰",
    "厂月民虎西见角贝车長长门青页风飞食马骨鬼鱼鸟卤麦黄齐齿龙",
)
SIMPLIFIED = str.maketrans(_TRADITIONAL, _SIMPLIFIED) | RADICALS
