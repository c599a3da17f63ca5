// Direction numbers of Joe & Kuo (new-joe-kuo-6), dimensions 2 to 1111: S. Joe & F. Y. Kuo,
// "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci. Comput. 30,
// 2008, table by the authors.
#include "search/sobol_table.h"

#include <cassert>
#include <string_view>

namespace sparlet::search {

namespace {

// The polynomials are the primitive ones in order, so only the first numbers m_1 .. m_degree are
// kept. m_i is odd and below 2^i: i-1 bits without the last. A dimension is its bits, m_2 lowest,
// in digits of six bits, lowest first.
constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
constexpr std::string_view kPacked =
    "110ArK8K2k94085LFZ36ug2nD6uZ0v63Kf7lxP6tsH4oJy3b0J3nKi6Hj_1i9r3DXH4sG20NMg3YiZ2rBO3FM719YM4K"
    "Bq0UWl7cc73Jn62vl1JFzV_36fLnaFfTTa0-Q1r2Fy3y41P9mCafon9l0abBB7vS4ltSl12r36E8Rb3BV8IQ4HzlNDIL"
    "LJ8LEwowxh1mcW8GuSHmgHyvPM-e5wZsMia3UUjyfbQmlVVAbeR8xv-TAq_PZ1KoyTQ5WegsdlakrWxKeKe1DGGsx0iV"
    "x5KDGP1olnu_y3odjrFAGg_dTSxJAFaieMVRzGWn0Dhw0FV04fJ5zyL1NxxF6DjdkAcCGWZlII2_mmJeJXs8SJTdNsXb"
    "5EhJE6hrVKqIhWsM9-J9aduFavf1uvvSYr100a4PlvNrnGyEPJDurBIS9ihRKRg3bY5o0lJ_C7ohQ6qcC5RpPR17VDRD"
    "m_xKbmI7RRk4gNIvYGA-Rb3Moyx_Gp3PqObFRh4oqT0Ujx1tfX841m5LPVWodI5C__eoPA6csCu2-K1PA2Enp477nRyc"
    "K_0iWFTNPd6paF1s5H0Udxx5qg3XCPaZQ03r_Lcp4g2AFttgjJ476FqPuX5OgXcbrY7aOsQdJ61Vcjb0Go57BFquIT4g"
    "urjskE1JbgA3L97CtMEquu4bmov2hf4V2sfPec4R2ztZWc5VuIF4Gu7orKvSFO2YUuzoSa0XWJN1t12nwqFzsf5EuFd5"
    "626t5Kks7a0K6_ResO1Qztz2qn32h3uB6B0wycGMRl4PJAhFnP2By6f4g10mC2qoxE3UDE6gQh55heYIVi6RbVQrlX6w"
    "smP0_D77oxoftw3QGb8PEk4p2OFzuq7IMA8V9b6VGgblic4W0pMyYD3vBlRuNb0ykQo_lk2JfrRvOg7ralseH00fDJbc"
    "cf7hv8_jhL0cwiNHYF7s7zA_bQ3OJu86pd5xD6l7EXGT0lnQbwEnRC0y3oMUMgHk0q5YPOoMaP11WFSjNOlD1s8amjri"
    "ve1gTumbBmc11VCbFYkzgW1ZLqoCU4e30PHU0h6dd50ID0VUbxrr0xiJuVHz--116n6Sql010cnmXoGZEs0cCkdDE6VD"
    "0ExfI8RZIu0Ac-hdxZjM1wZhSdMUVF0eDpUPXnGR1_YG3P1grT17KTKkJlio1pCGenwkw700hamjX0Nf1AlBBncK4x1N"
    "o6PIxFbV16GygXs5Bc1EsgQue5HO0F4hbXrj1W0IcRdiYEf_1DEt0nKnT01JkwjnVJjV1_aGPa7W7B1r77oLvn-D0uOz"
    "_R8O131uxGPS9Iga1ttKH98ozJ0lhHcbY3Si0_PJjCtmOs19EJfP1VHC0MT1L6vHTf1Hi04C5Rqm0Hr1tKpRT51YbUlw"
    "6KoV00r4leKjAb0l4Is0AYIi11QDd0E5Ne0E4JNyJhhT0XbYxiyoqd1Uz6xDBg8V1C9rAptLgK1n0K_8dT131UI146ly"
    "oT11Qy5KCBOD1aXyTQEKBs0pWinBAJLm0gWFckra730OyFMgUCU71iLT3q8D2H0KKGkVizga1uwND66sTJ1qDXloVb5I"
    "0HT2vj9TSO1CMtlVOJai1xM3ZcmbFl0zRDgstzrF0jQ0P2-BBc0st37n2zhy1-nvXvqdOV0c9RfA_DNy1aQZ_jGhWh0K"
    "KgEsd-LR1A9BGMLijB02sIrLaeH20uCpqlfP731YeRxoVOI_1Z-dO6zLFV1_pZzAkfAb0tiOySVtYf0BAhCo3WAa1W50"
    "KG1aQX0Cf1fIloxN0r6HD9z9s611IM2OOKQl1w9lJxuS5_17D14feUXC0v_AHWyYiX0sr1C5Nd-p0Tpcymb_3t1bZowW"
    "n0Jb0FhXqz_v6F1gGcaB4d7Q1ZPNPIgIu806FCPgEzyd08YfBLikww1GPGJ8ClUz0n4jbcLm0d0C3ENu8pP21MOzo2-H"
    "Kl0zgl_BVFOd0dueWxFKvv1qLX0Z3-On0uFrOAYMZ30Dz82D842N1nVIxuG4m_0sl8dvHU_c0iSov1bNlR0JQv7rxCeh"
    "0gy3EHO66i0KVfyiOwM_1eqoPUc8WT1iLzcUc5iE1MWgM-gIdD0eXoFeohqR1Lq42bmBfo0U3exDX8K-19qILx54230j"
    "vYOWJLwx1HdGXc3f211024KrDWzT0OKqSrIWI60S88JyLLsC1xhKbxTFij0Pp-s6aRBF0keEYTWgEe1XmV519QC41A55"
    "Wpa3I014jr6QpIBN1jSywRgGxh1yAmj_hiPk1hnei9dffU0J5H6gu8l212dztOKhrZ1R0yZ49ggf1rtKhk9nGx0qF2sm"
    "QMQu16Wir5tzf61diWM4ANFR1lVr0T3yNV0-0yXEKzBO0JY62x-vSu1kZV_1vo9r1yfGZiJw621dGC37VK3_0TgMgvEi"
    "Qd0TtpMq-fSr13S4COoWTV0V9iWf5yCV0JLmnryGuh0wgkERmFtj1QgDBvLUYM0OZv8lXDsw1I9aBNtCCd0Znan3Ncb1"
    "1FZicv06oY1E3jb2IqpD1apW6LoBhH0czsn4OXNx0CSk-JoA_o0EZF93vhSX07RccvThPp1Izw4pzMuu1erTJuzpNR1w"
    "Ts5Hizje19GuSN-88-00Nr2nKc_n08DcrHy8V-1AIfS05fEc093Vg7WDgV0hz2NUNLI80oqNsKuK1L0FHtAiSFZP0DLQ"
    "qL5i6N0d9CF1UVTF0jIKfvvs731FynEbBYGA1TYoLuGJPu0UHd7gZNckvv1nTkglmaBq5xBiE8tU3hAWhZMUQsHUE5xi"
    "NdAnGX-Ev7kAUfzFWd216zpLdj5jTcTBkDlT5AHGFlFgdKhDOKlsLwDMf9nO4JyIY92Gogp_dYO6Pdh_rVwQm1yrAF3n"
    "_XH8dSuUQWqa3ia2tqMC_RFBqiyPJhwgVlC_5f4ZkcdyGWfW-jOkrdGCncQO9Xs9KhDIYH7mZIy0DchulghhD7lNM1L9"
    "A8w5Ayz78zKipWip-v40iZWR2olCnuii7oA8gmYAl0yv5eg1SNaV5NoeMq_1PG-UugATl8aqKbv1eeakKyf-i3jN8IxF"
    "J844MGRY_g3IQbf-nUfj-pfsBJ06VZrrY7NYa437g0uUj-nK9nIyFm18oLOQf-JNB6qSCJk9gNvr3klvzKDpeCzjNtxM"
    "xccK_OVtlkmuwREG5oCd5VywQYwGpjpf9UhhkrIbAfK1hSYVBDfXIqO71kFoTPbX255ucVhXfz6co7ZSIo2x1aN7itpI"
    "ZQefMU9JCHxaKAVPi_5PzZyff-G-QoThsC7U09AqNKY-4n8vIej30vlGTfSBgby1hMarropCWyQcmM5hqeKftBacqWm2"
    "3OxFCtYdHRFBogRjDm53Dw3s8zZub94whmsUCZnzXwBP0jbB89QQMIIIEVAg55aGoNWlZNRLYceZDg4_Cq1cjzryupW4"
    "OCy6BzNhQSVW1xCoJ9VRMKdlz5fsf6b6JYljwpbmEV0yBKSLhQ61hlK_EnybDJ5yHUKApkj61LnJSl5MRAjlm_mc25x9"
    "x4_5LqljFqHa_ipmdJcD1cJjfsuqKl-XoZ4pVHtXsDFD-8AjMpEwqYOokN2bhhrQbUllfp4Yd4FzNU6YXHNagL0NVIMA"
    "cRCPVMenPhGaMlx9TophQEPe6Fxw49BufZB0q2UZ5JrkpSKeUHbHF7xTZwl0yA4fUxn3LwUqAZ2qqVrBkjwFl0Pli6sk"
    "ghsQsSxvquGd_rIwDhp6DBww3FF3DdotHk674VGErxrBlnYBai6QPxxlgrdGpR7TJuLv_ampA3kbyNyhN_0Rtydibr06"
    "q5uDkZDazTDgy6HynbANhRO9JtuVHTjxaxCMxgoB6AUPE-P4z7CkTjiYWqBeSOAbvycr_SkFhJMFJS7wnTBFqLgrjV9d"
    "7EhFdt_IN6r5Zdoqni_PYXLyZoqfafvbr__8NtjKlbWJBNwGFoBv1lBRqJGBS2cZhuVYXX6YvrGxVw4GlUnxgXmxiX23"
    "C5lZKP7oEfdjGS8CNkIBf-N4y2sivl03ynEFpMbYi7ChJP2gDNnOZtYVxQwK_BLamPOrmmZBySWwM2GFbx2w8HZhr6E5"
    "f2aJ0eptCGwvHcaLw7eK6DeGEUWj22N7oXSBOR0Kn0BPOJ1LBje92mZICakYdFdZUw2fYgc6TQqLi0L6T5PM8WgtSBmw"
    "-T7bz-47zqQOpKEyKfDz1QrohMKNWPBQsJ-HkVRH0Hy4KXUeRIUT5Aaf2DnaZAn4WuJfcpY6t842OuP0Zafmt24XA5rw"
    "Un9EemJg9fMijah9kVWhNZr2JmyeY5kTR7GrQD8ne6CqnjHWb0uvnTBRXk3_08nS8cvWQQQPnwhJ_EIL7Jq2oEmvbVQP"
    "B8yMwqK5F3F4jVrYHJgsXWgfnF_pD_TJtwXvzQ4FX2qEICTMLWbrIa3iQoAFkdOsxt1_ng1guezGWmJaoXktxGYa1YAa"
    "j_5U5mX11BAZPQOGUpAwSfhLSLLZYmEdIC5r1JmYaOZyyf-4nkhVaVgRGj-w89WfixxF9UmTUUOGNwHBpJVjlEy-tbo4"
    "I3LLYOeEQpL9ShMjs_56F5HPz3agiT7ohi5yg856Dvea3R-_RNY_gH9yQEhWoWII8U-YpGVyw8QE45a1_wtv0fi_gke8"
    "Lw5bXyuUYfIDRPPkBDTiQOC-EOtGhHldn97NDJV7riUCa1bFBENeXu42SH0YYxmtZs3f1EABpEwMEVIaz5SJsXAnY0CP"
    "1EmwibYw8XXYyn-rd0VB7jJFKbEh0mvnmREc2krvPXxPSEDYUQiYdJw9wimNBv9LSl7AfFAduYXO7ZlE3pZswRSFen0P"
    "8hmwNg-6K_j1k78HTx4KFpF3OCXe-5LiI4L5liO4LDA5OxLtweB5KYJLjd-Yy2QXwbTqgnVhdIlE_kBw8nb2VM_AvPBb"
    "iqFeiN0pHUaSX9rCVzQe_KvQGCueoiejT2bpN76CMMu1iLCe_Wf-S2v-QL8CMvugQXv9Jt88l43UZbDlzQvnlmOWdOM0"
    "GdSlj6Nqeg4pVzd8LXC99sXQVQCh8B8bKVQlLvx3Zg6aqmijM9jON-i4P_1A4iBGe0G6kHK_3k0nO6ldq659UHLQXrLM"
    "HA0jiEuMUToznqJxNwsgskaB7Umt3WckKZkWjQIdvMuReJeUkFk6UI5whYrmafEe2kFcm-nElWnXe03I_1mayNxGrTv1"
    "cHsUKBK2t0HIX1Ck-w9bA06qRHBTMx1EeoVJ813OIax6LUP-DT0L8U68Ah0HmRTtFLH-y6dRAPhX9hcdtYeFk5HKxAfG"
    "1gaxFjaYaVq_QMHdzMnOz8atRd2l3mmY5Pw2d7osUOrfZQQXQMJHBWY1x1dNe3Zbw1dU1IrEd8TGbzWiBk-k50FfXov4"
    "i1QSs3bsO89CKL_dlnkuXEh2FjS9JQEtBhrd4BOUtGjBMcOgXg0LRSynQSxK26w1RfLth4vTgsq2Ap_j4Olt44z8Dhsb"
    "PWTgSzxcYpzzCTKauDIc0MM8_JYvCL4VCkeLu-MyyHaFrvmnLwBXwXjPw6-ljH-CBewfsFw7QVMV8lPRd-e8AAPKQFoq"
    "nlSOASzMOqq-Hc_c8yeEy3GVvVidKInTIzjgYYc4IwLpMbJ68vIC-lqpg2_3T6vfQcyFz3tnh5gQe5fmeEA67vPQ_T7M"
    "lRsW06WJ-0mRYTBabopQWhOHeBQWnnmVsr46smDRsnzhcoEkGGsNrIoEThZst2kRynTOtfynOgtyU4lmgds3pAHkRoSJ"
    "TnFWpZf_Fj0NB7c_9TF4Cc-W2IqT5G6vlZ_YXod0SbewsLObCGrnfzDk3IjF3rnYMp7QKtOyHzlFsmaSHa1FRSjIk6pj"
    "oWED4cLAce8khH9fRIa4eg3nUSxmISJe4cIrRS6EUQS60MMG5_oFfPWvmTXhoQ01A5MQLQkaOXwHf8rfxAhiRpLLkW4c"
    "rCpYp32Uq9FKbzurfeD3S7Sr1hhT5lnnQf_kyp6yiQRQGrJXolA_Pxhi-uIQvtjDGvIm_YZp1kT1sQrgMrKdRzSlMOLo"
    "Jcsalt0v0_il_WTF5SJ7vEMElqkATz9utHbeSA3GIFutueu4N-9_Qn3J7ZSE9Tue0CBv1ZAxZZf3VmNoPtEP69_qwFd-"
    "SCFjpuhJiHxe5_diQfyQNgAncfdA4b-zsLp4dNVRnUyMCRtWkAEokVdKs_1uW5216B3PdWxQPuQkbVvGMlmauFbhpKpn"
    "_bnxXkCIkeY72jUS9xupQZtoMkWk5O2aZgp6jdm5nuxD-D_CoLw-c5X3NjCmst0kiT42e_fTgmh6voWNVgkp06x73iLC"
    "Y1WcJk60Gr4YQrLMJBZiZdW73oAQL69zsbkuCIfPgvGYGgzAX0bBYSXZvnJdDW2chOn5sofpayqNWOy3x_C6T_U0PhGt"
    "aUh8k-13Gh1vnewYAwLe6S04ZCLXK7IRz5cSNWw3gNszIB9Gg79ml7xkNnNr_R88wWpY2fmik6Iby9SvY575hK5nP1bf"
    "qjdeUClZo1tzkKR6t36xt5ZoiskYanC--aV5UIXYFZFx8-y1OqnPteP6ySe79l4OScIuUDNYQEA4B0I0qI2T5Fx0gExg"
    "gK2e-KxRtO5X0q3wNXB94tuGxGhaWjrMbwQNEoea_UcYzMGqxwIyQ4ZzUzCn2GpNS8TcwnJVYEOgC7J71aoTzkMmYXnp"
    "0F3nHpDtjtyXdz-k7_k8Hvcr7iEiLQHmG3claoKkAkUsr1RkP3icTFpH1hKlv2QPCexmfbbVB4zfJEvhPZ3m4d_UW2CJ"
    "2vI0WJfsGUaiNruO8AcUbVqCdvLBaahleU2XWKrnuS7OtB7en6bVoH0MNn5PvrK12DFaCnzuclZIMO6u89KzFxEHXjDw"
    "nTZgILtCh66Acn8g_-Hnv7787pNp7UYCL42z5fz5HJ58KrcvLtR5JQdPR4CezoMQ1rmvtkheATFb1zLlmE3pkDN7oGlS"
    "M4dnW2hIOdxDlt5cq6b076g_71XHCDanRJJCI5AuGo4_4X5P5FNmHvTiusuTCwt1-fE0vilkLuxnN-y_7eFXf9YYi_s4"
    "cF79xepNBN0pMPSW5dK8cbThmhRbb-ZujVHN5UsmOh6RNrN-vql3evY7AOv0FX8LG3Gm7E1HPG2kd94H8rEchP2x0Rc4"
    "Oj_rt3mahw6UwvqOLaB3Pal1ox-dfMRqLzHgMYe_x5mtGI_VGy0PLm5d3sKSUv9xlFr_4-34KSZRDx14t8SnbTX2NLQG"
    "WnLEl2jyWnaoOmXDakhocf6lvAeMaRXdf-pR-cfSqjGR6ITioUQaDgaIVgEEH2G3XCCEIFB_FH01rOiH0fUvmekZ1Qdo"
    "XItsyAAHOtD8SEQMjADRlz8K54bTC6tgliizHg-pIwPpgbWVmUCIc50POTI7fgC0xEfwYM-sQZ82UdbKn92pgHZUuMMi"
    "oUNmeevbZgFsgQTu5PTcIsB6H90BWHOItJVikmozNI9uHup8CMFoUt9SUHCfzfmcrPQtDgk6qMSx_cUlmnfbeePWLIQ7"
    "kKltltKA-4X_bQBsxh6NUIr6D5qquqQwOCoFe6wrFikzMZvYUohIDDG6J_5I19Wog3YniUOodGFRH8nTmHqJcYYmLQXV"
    "BFqNcWM5H3ACEYRdnSpiIe3zjNvh2ykRmajQofRkVrpLY9krNKwd5Wi0raKv0V5KQh5OEE_-Q--NG811vPpZQkVpR2TR"
    "r-1kS1jf-mNI-pnRxW26p1lzvrvFAAA6jvoRBGWQobq6FxYm_ty_lJpBwtI3WWfK5m33the0baI6E_RnBXVU7xan275F"
    "Y2nhMZnQDa0F991f--YKUTxsRf_FKYu9rwPtMgbN50IY44w4I38NVrfkhKe01v31S2vitC1Rm4ONKVRGBCw175XYsKeu"
    "wlfMZq6bZgIqoMsovid482G2BYVd2rJ9duiUik7I4VdxSs5aTinmOnKE16owWbKSNYA3Av6z8NeUUX2EBrKPet1wbYxa"
    "gc53lVnUoJQ1TFXXQMemNFDLRBtQGHu0-kxT6mSsAtaEOxeJBWDoTcvlFup6aSccVO_SitYgIMUG_CtGEvAU6n6rvOlH"
    "-FPKdZZLqQM1n1IwaXbFxq5APP9OEcxtLeWQ3M3nk9pr0nNl8lerw3h4HJg_CDJbFDjTa4SzbNoHNM2mK4d3vg1PCITo"
    "hlPRcN3K5hVVNINNybersIBWC5DCskyZbf4mud26Pcy2Rt-b2MGrYRJbRIDcSuhZ0ZdWkWOaxs-5Jp0QUqRg1qIRhszi"
    "chB3RTBv_UM6pR5ez3CX3IEauAQnH2_vv-RAOY8y5uLcxH8fAITRw3DVZqLtVOHJIw4VvnwQnpRScA5U7G0MWdsUykaB"
    "wlHKFkf0uA7Msp9MdMoJtE2ugXOZn9OTdJXuUiKp-dYnGqIcByBAQVeJcEWvRYQKNbczzTc76LBZ7KmFGuSVfhKl1pL1"
    "QTfmOgtWkl1bHtk56H3wQ_QVQsQxU9_fjf8EymzVcuGsvY3sz4_yeK2mM13Q55kj5ZNcRR2KDzobdQkkRjOIE8glIEKJ"
    "ylOvt3AiN2tgEHCs2zPACDyU6BAk-7F2px2ADCeVNJFjnoQ1wmqDWBT44kOJDnogMbnL_20kO4XqMIUhNCRQEUK_G0in"
    "nUThr8w0O7ckmgK_UPn3e3jMpD-WU1UlxBlJFWjbF7BXCkmR0OQx_Cn1y4OCo5iNY7-5s1Jxv6qrUwN3ii-XV5vGUUJm"
    "LMFq1Ga7sAAs-z-93EKd9zXbBta6eBSY4bzNbmRppS7E-x65uSsaSJyQOLB6MvXOFEOFkkt9JbmeGXC2T1U77NUHjlfk"
    "hKZjQbSCqO4CxOj5sCh7iHhBh0ktsaADy_c8eP6iAOpu12FkJpwjLnztSjbY9vTZJiuE3uxYkrigV8jSOlt-bA-q7eSz"
    "juBf3aowguPxpPfNsw7adNVNR6fppWW_Pq1h3R8vhi27hxTvehTeMPDNUaxirF6tGZKXficabaIkJtFq64TIVx_Rbh-j"
    "3sWOTv5aeXkuOxbTeDC-Q68lKwSIWLcy96YCBo5yvgQRgMLZ5qV27I3T693rArq3ohBfuaDgDo7Yx8AVrka5fDLYkS5P"
    "gMUQL2IapQ4Ij-splMwWIQVYqrdgHf5zDORx_dyA6ErFopVPiSkkFQa6-YxTknVpu-FFiy_T6oAUyxircl4_HmWkD7OF"
    "hXRVtD9SPz5j1Km3KBR8SHWFSPaflSPjXowC4AzWpPhUJBZufNSi0wHAQF68CVrp3mUBhkOyxpFp3ZzpnfGyGZczI4Bh"
    "DyzL1EPY-ulJ2YPAMTjWxjYiiJY2-pZJi6VmhbsW0rUN-LFsQvh-16qk7a1OFLhKXf4FrzBLGA97ktE56gjSGogUq7Z9"
    "PD4C51UPG1PUkYBxAbD404ZJo_AKVx_qBGHpjkNKmFviI4NeloITf04MyyAVnMPN4bY2dY19SJGVI37IMKtm6pCMteAn"
    "-DM9XXuRzlj9voLDUJiH99OyfxHZVw3y5aBC3ukigCTss4CUKLlzi2wV7OR1Dt3kX6DqkR-srl530dqb-UwZIBpGgRJH"
    "WMHhVDJ8KUC9kEEjo8MOfhvMCLc7QI2vJZQhQ3WmmvzF-Mnr0jIy7cWAUocCumMbng5qoGxzuTGQod3JPE97mLQ_LHze"
    "vFqp8rv1cUkJSzptANiTTl85aL9sWrPzOy35cCPd0YK_XPPGt2UM_Q1K8MV6FXGWHiV1BfRZk1zAXaiopNRayEl2_c9b"
    "q5xmHXwy2hYVhFjw8avkXBe5vTXDUnTKD1uONGu1bzTP2ZM0jPtKUnlp7whaHFkIA6m4FrHy3srNnlSaSW7wMWlR39ua"
    "_MT3MNPa-0-0EUhrANm8X6EkMeaXg-lGfuKo3w0heaMYzLxNwrIbUMzMsp3WXS8HS6mO08q9yd1vsGGd7hC4E9D_9nYp"
    "Ghs9eQ0d9Cr2FUiFWHQR1mx15Aa-Z_PsSO3zKDcn1W19cG9kbSZQlegxedcbXKi4jfufq0l-reqy0P-OKAhoBjybIcIH"
    "3TsP4DAcBhDvqll6-MMLgYeIJTWr3oALNG4rGF9L9rfn5a7JpdCucHKp4jVbGs8B_KAnVj1dmns_OFsSv1sx8kzsQEOr"
    "X1aJnfluMK4MXOHjfcuMlruGoYGEpYPSgN20AoiKkwYFvQjEQaZ_Dj6EJITnphBk3OVkMQ2ePEm0oEDg7E1TQrVGMziF"
    "-jKlAg0rN0rnzkfuJtZIz6H7wn0Al-J3yDEd8rFEYgVxERwzC0ZtrF6Qzv5CgFxyCmZ7-vmb2sJ4PWn1VksHJ4sTm5Vq"
    "hmEh8dCSsusvyyme8Ow8j955N0TcWDNDkWxWrzzhsVte6HdOOZ9EsyPUuokJ0Uq-nzOwyyxmDi6tWNxx6HaQTC_60BNn"
    "a5mZPFEasOWSSsI95BFSc7Fk288OtXsOAbee3tneMMxQita-x4IGHzxx1bAG0nEfxyqQuAMTNFiZcfz8eMjD91fJhDJ9"
    "Su7V0NMqkgtscxdgwMJObLc66S4dpL0jaThWzK3V6D_QdKl7OiqYgiOMpqL6fE6iu0WHEzlY26cQcYdlDrf_UbqGHTSO"
    "0H41GCY81k6y7bBxe9OhhDa4i0Qr84MypbpJAcgz_-2T6MSEQ4PoURtezbtS6Iy4whuSTKAnmVbU0rf0O2pOKiyCcApP"
    "b0BuVZ4wWIi5hvpMPeqpm-mrS1HxwmK9GHxnYSUbG0Qcuvyje_z8MuOG1MfTE_GgThv9KxFZH_VF9BVF4yWKOspcf5vS"
    "r3f8rkV0LD22x0VGNUjLlp-pjnSbsSmc6GfznRMNIfqrbgnqaK9AUwAe5kKCwGrGUFjKLwIjl7Qyk51O8i2XHgavWxm0"
    "z0BpJ4mxuGKdDmyXZV2d5xPAGfiCGpM_gwAtpBOlhohEb8OnUDiMiaibjBep0bSKmFHgX_xq8EsNCCraNPqEiZ6h1Qpu"
    "UlN7MxY94bSbEv6DuqjGOwnBSgs4eeKHv82pF4H1v-pLU7bd94NtzJ8m1e7hMGOM2Pln4jDfoaEE3osAtreKhGAW0n5R"
    "rKcCLdlfXIWo1NfqujWrR4Vxt9FoRSYQ-sBo5eJ39jLShWGVF62raQtk5mDcesiOs1330vsDxAt2Qfd5HMscWYHWciks"
    "UvkJypvMr869H1MmtmhF2H4BuNmmaHAXGX5e7p3tC8WgxbvTT8yFM6GrWHn1xeXMZtfGeeuElOM307dBnvEq2Y0R8Zrb"
    "lSkD-JftVSb1KLn5vsP2zJUZTC9-685foPRGWUe1KM_h4XEpVJKqGNwJpb2LvfC8sxNx6yVKub6GgvB3GXiAkXmFuWIL"
    "-iL1lQfCI5YFgeY3uylmXuctz2MLGkw8mIq64Dqu8Vxn_Ovmm8HpXSzAw2vq4D7pu7dMb9uDnGDjRlqjOTknW7jnsMIE"
    "D_sukLmsfcx8YEcVP5da5PM9omzgei5KonWz7fiM_ypFJwYWlSgheG30ltANYtHyfTqXDVemwfXaAhYXzckr8qnOnGPy"
    "OHkLcFkw47wAfYWdsSRw299aZWIawjkefJwCG0l-ZPtD3GWjStGiQpDmjj2jTq1iMMXYLURnpAwOJsxBgEMkKbYLo4_I"
    "YEBGAJl1MH5w8qCRn7xkCTxeOLK0WOyl2bBTYWJgqhpsPjbNY6AC9YpHEWjgXk2IflzNwAxb4yFR3tIpT9LAkkNGSzab"
    "gV7Wh6VzRtjf8RS0jXB44Rgiojh-1RQdF_XGsfX9EKxmMPzhUKWQrBEe00owNV6Lu_0h5NevoBSEE9BOVVSElnsGYW1G"
    "IyfZsDJ2abgTna40V7EXl7JP4rXYvr1qL5yAuf7FyES48tz7kfp5PeStDCRxmMkcvPFefT8zwxpjm4HoY6luUAEZ1ZUc"
    "9c5PB2AocukE6268HywUt26TcamQOEQHfnsHY0PK47cHJxOkx1qhtee-LE4SNkoo7jXja6096fdspdSidZO8d2Kqkh4h"
    "0GPmAKFVtL53MUU-VWxVYAz6u9lelN_c4_DNIsUPLHDMeVLG9JY5sFUcIeg8Tz50Wjno-ZPX9PI7jJmvzLsGtHT6AC-_"
    "sN1mqcLiJSIMkfTcxpIm5U7UakbZWD8A6zkDcArgRT-kBUZqI1xDdPSSQbECocV0vAIVZIjG_oABuCZqHZsYz4E4nyG5"
    "LETvC6bh5gVbTVrC4f-o1exMbNjnkJ-6MQpUYL5Hg3rDh3VtvtpK8qg0wRlagpvdMMiUe_uUQOfA6Q-3SGTkl3oU-j_6"
    "3Cw1jVkgxdt-LRoh2OdIMYb4c0CfiqVCQ8s8qArbcTfgae6ROlW961tTZMX-mwi_sjKPGctnlUxw_5AzwlFqSNvCA7qw"
    "AI85j4X5i1yPJxHPL5vgaB51-sZK4nNkHVsfQ6sJbjszVaQb-iUrQAxAv8gf0TtUKXJj0IpfHEGsJ5mFg4PdHbMT272T"
    "zFGLSDe7MwpogHO90hFK6JL0nX8q4v1CLl88pVTSw1ZqdCMfwZzgfu4a5YJyAmjYib1QWU1EFQpV6TpKYHm_uHFriH97"
    "sk-fCgF2s8NzCajC8usn7rWA5Qgo2DEHw6StfAfwIAC9T8mwmg9oGp3Py9O8jJjCPgLNC";

// x generates the whole multiplicative group of GF(2)[x] / p.
bool is_primitive(uint32_t degree, uint32_t inner) {
  const uint32_t polynomial = (1u << degree) | (inner << 1) | 1u;
  const uint32_t order = (1u << degree) - 1;
  uint32_t x = 1;
  for (uint32_t n = 1; n <= order; ++n) {
    x <<= 1;
    if (x >> degree & 1u) x ^= polynomial;
    if (x == 1) return n == order;
  }
  return false;
}

// Reads the digits of one dimension after another.
class Unpacker {
 public:
  std::vector<uint32_t> first_numbers(uint32_t degree) {
    std::vector<uint32_t> m;
    uint64_t bits = 0;
    uint32_t held = 0;
    for (uint32_t i = 0; i < degree; ++i) {  // m_{i+1} has i bits
      for (; held < i; held += 6) {
        assert(at_ < kPacked.size());
        bits |= uint64_t(kDigits.find(kPacked[at_++])) << held;
      }
      m.push_back(uint32_t(bits & ((1u << i) - 1)) << 1 | 1u);
      bits >>= i;
      held -= i;
    }
    return m;
  }

 private:
  size_t at_ = 0;
};

}  // namespace

std::vector<DirectionSeed> direction_seeds(int count) {
  std::vector<DirectionSeed> seeds;
  Unpacker unpacker;
  for (uint32_t degree = 1, inner = 0; int(seeds.size()) < count;) {
    if (is_primitive(degree, inner))
      seeds.push_back({degree, inner, unpacker.first_numbers(degree)});
    if (++inner >= 1u << (degree - 1)) inner = 0, ++degree;
  }
  return seeds;
}

}  // namespace sparlet::search
